/**
 * JSON as Python's json module writes it, because crit is a Python program and its output is what scripts compare with:
 * `", "` and `": "` between things, or with an indent each on a line of its own; everything outside printable ASCII as
 * `\uXXXX`. The latter also makes the text harmless on a terminal.
 * Facts: the documentation of Python's json module, and crit's output.
 */

/** What can be written. Objects keep their order; integers of any size are exact. */
export type JsonValue =
  | string
  | number
  | bigint
  | boolean
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** Spaces an indented level takes; crit uses 4 with --pretty. */
export type Indent = 4 | undefined;

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

const NEEDS_ESCAPE = /["\\]|[^ -~]/g;

/** The inside of a string, without its quotes. */
export function escapeJson(text: string): string {
  return text.replace(
    NEEDS_ESCAPE,
    (unit) => SHORT[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Writes a value that begins at nesting `level`. */
export function pythonJson(value: JsonValue, indent?: Indent, level = 0): string {
  if (typeof value === 'string') return `"${escapeJson(value)}"`;
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) {
    const items = value as readonly JsonValue[];
    return wrap(
      '[',
      ']',
      items.map((item) => pythonJson(item, indent, level + 1)),
      indent,
      level,
    );
  }
  return wrap(
    '{',
    '}',
    members(value as Readonly<Record<string, JsonValue>>, indent, level + 1),
    indent,
    level,
  );
}

/** The members of an object at `level`, each as `"key": value`. */
export function members(
  object: Readonly<Record<string, JsonValue>>,
  indent: Indent,
  level: number,
): readonly string[] {
  return Object.entries(object).map(
    ([key, item]) => `"${escapeJson(key)}": ${pythonJson(item, indent, level)}`,
  );
}

/** Puts brackets around items, separated and indented as Python does it; `level` is that of the brackets. */
export function wrap(
  open: string,
  close: string,
  items: readonly string[],
  indent: Indent,
  level: number,
): string {
  if (items.length === 0) return open + close;
  return (
    open +
    lineBreak(indent, level + 1) +
    items.join(separator(indent, level + 1)) +
    lineBreak(indent, level) +
    close
  );
}

/** What stands between two items at `level`. */
export function separator(indent: Indent, level: number): string {
  return indent === undefined ? ', ' : `,${lineBreak(indent, level)}`;
}

/** The line break and indentation in front of an item at `level`; nothing without an indent. */
export function lineBreak(indent: Indent, level: number): string {
  return indent === undefined ? '' : `\n${' '.repeat(indent * level)}`;
}
