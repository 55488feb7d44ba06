/**
 * JSON as a tree that knows where each value stands and keeps numbers as they are written: JSON.parse would round 64-bit
 * integers and forget the places that an error should name.
 * Grammar: RFC 8259. Strings may hold lone surrogates, which is how `decode` writes bytes that are not UTF-8.
 */
import { ExhibitError } from '../bytes/exhibit-error.ts';

/** Deepest honest text: a cgroup tree, two levels of JSON for each of its own; messages nest at most 100 deep. */
const MAX_DEPTH = 256;

/**
 * Values in one text; bounds the memory that text such as `[1,1,1,…` can take. A pagemap of a fragmented 1 TiB process
 * has less than half of it.
 */
const MAX_JSON_VALUES = 8 * 1024 * 1024;

interface Placed {
  /** Index of the value's first character in the text. */
  readonly at: number;
}

export interface JsonObject extends Placed {
  readonly kind: 'object';
  readonly members: ReadonlyMap<string, JsonNode>;
}
export interface JsonArray extends Placed {
  readonly kind: 'array';
  readonly items: readonly JsonNode[];
}
export interface JsonString extends Placed {
  readonly kind: 'string';
  readonly value: string;
}
export interface JsonNumber extends Placed {
  readonly kind: 'number';
  /** As it is written. */
  readonly text: string;
}
export interface JsonLiteral extends Placed {
  readonly kind: 'literal';
  readonly value: 'true' | 'false' | 'null';
}
export type JsonNode = JsonObject | JsonArray | JsonString | JsonNumber | JsonLiteral;

/** Parses a whole text. Throws `MALFORMED` (what was expected, at which line and column) or `LIMIT_EXCEEDED`. */
export function parseJsonTree(text: string): JsonNode {
  return new JsonParser(text).document();
}

/** `line L, column C` of a place in a text, both from 1, for messages. */
export function placeInText(text: string, at: number): string {
  let line = 1;
  let start = 0;
  for (let next = text.indexOf('\n'); next !== -1 && next < at; next = text.indexOf('\n', next + 1)) {
    line++;
    start = next + 1;
  }
  return `line ${line}, column ${at - start + 1}`;
}

const QUOTE = 34;
const BACKSLASH = 92;
const NUMBER = /-?(?:0|[1-9]\d{0,63})(?:\.\d{1,64})?(?:[eE][+-]?\d{1,8})?/y;
const LITERAL = /true|false|null/y;
const BLANK = /[ \t\n\r]/;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

class JsonParser {
  readonly #text: string;
  #at = 0;
  #values = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonNode {
    const node = this.#value(0);
    this.#skipBlanks();
    if (this.#at < this.#text.length) this.#fail('there is more text behind the end of the value');
    return node;
  }

  #value(depth: number): JsonNode {
    this.#skipBlanks();
    const at = this.#at;
    if (depth > MAX_DEPTH) this.#exceed(`it is nested deeper than ${MAX_DEPTH}`);
    if (++this.#values > MAX_JSON_VALUES) this.#exceed(`it has more than ${MAX_JSON_VALUES} values`);
    switch (this.#text[at]) {
      case '{':
        return { kind: 'object', at, members: this.#members(depth) };
      case '[':
        return { kind: 'array', at, items: this.#items(depth) };
      case '"':
        return { kind: 'string', at, value: this.#string() };
      default:
        return this.#word(at);
    }
  }

  #word(at: number): JsonNumber | JsonLiteral {
    const number = this.#match(NUMBER);
    if (number !== undefined) return { kind: 'number', at, text: number };
    const literal = this.#match(LITERAL);
    if (literal === undefined) return this.#fail('a value is missing');
    return { kind: 'literal', at, value: literal as JsonLiteral['value'] };
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #members(depth: number): ReadonlyMap<string, JsonNode> {
    const members = new Map<string, JsonNode>();
    this.#list('}', () => {
      this.#skipBlanks();
      if (this.#text[this.#at] !== '"') this.#fail('a name in quotes is missing');
      const at = this.#at;
      const name = this.#string();
      if (members.has(name)) this.#fail(`the name "${name.slice(0, 64)}" is there twice`, at);
      this.#skipBlanks();
      if (this.#text[this.#at++] !== ':') this.#fail('a colon is missing', this.#at - 1);
      members.set(name, this.#value(depth + 1));
    });
    return members;
  }

  #items(depth: number): readonly JsonNode[] {
    const items: JsonNode[] = [];
    this.#list(']', () => items.push(this.#value(depth + 1)));
    return items;
  }

  /** Reads what is between brackets, `item` one each, and the closing one. */
  #list(close: string, item: () => void): void {
    this.#at++;
    this.#skipBlanks();
    if (this.#text[this.#at] === close) {
      this.#at++;
      return;
    }
    for (;;) {
      item();
      this.#skipBlanks();
      const next = this.#text[this.#at++];
      if (next === close) return;
      if (next !== ',') this.#fail(`a comma or ${close} is missing`, this.#at - 1);
    }
  }

  /** A loop, not a pattern: an image's payload is one string, too long for a pattern's stack. */
  #string(): string {
    const start = this.#at;
    const parts: string[] = [];
    let from = ++this.#at;
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code < 32) this.#fail('a control character stands in a string; it must be escaped');
      if (code !== QUOTE && code !== BACKSLASH) continue;
      parts.push(this.#text.slice(from, this.#at));
      if (code === QUOTE) {
        this.#at++;
        return parts.join('');
      }
      parts.push(this.#escape());
      from = this.#at + 1;
    }
    return this.#fail('a string has no end', start);
  }

  /** At the backslash; ends at the escape's last character. */
  #escape(): string {
    const letter = this.#text[++this.#at] ?? '';
    if (letter !== 'u') return ESCAPES[letter] ?? this.#fail('an escape is none of JSON', this.#at - 1);
    const digits = this.#text.slice(this.#at + 1, this.#at + 5);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.#fail('\\u is not followed by four hex digits', this.#at - 1);
    this.#at += 4;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  #skipBlanks(): void {
    while (BLANK.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #fail(what: string, at = this.#at): never {
    throw new ExhibitError('MALFORMED', `this is not JSON: ${what} (${placeInText(this.#text, at)})`, {
      offset: at,
    });
  }

  #exceed(what: string): never {
    const place = placeInText(this.#text, this.#at);
    throw new ExhibitError('LIMIT_EXCEEDED', `the JSON is too large: ${what} (${place})`, {
      offset: this.#at,
    });
  }
}
