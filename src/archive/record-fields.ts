/** Lists of a record that are longer are cut: more is no honest capture's. */
const MAX_ITEMS = 1_000_000;

/** The fields of an object of JSON that anybody may have written. */
export class Fields {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(fields: Readonly<Record<string, unknown>>) {
    this.#fields = fields;
  }

  text(name: string): string | undefined {
    const value = this.#own(name);
    return typeof value === 'string' ? value : undefined;
  }

  /** Whole and not negative where it counts something; fractions are kept. */
  number(name: string): number | undefined {
    const value = this.#own(name);
    return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
  }

  flag(name: string): boolean {
    return this.#own(name) === true;
  }

  fields(name: string): Fields | undefined {
    return fieldsOf(this.#own(name));
  }

  texts(name: string): readonly string[] {
    return this.#items(name).filter((item) => typeof item === 'string');
  }

  /** The objects of a list, as `read` makes something of them. */
  list<T>(name: string, read: (item: Fields) => T | undefined): readonly T[] {
    return this.#items(name).flatMap((item) => {
      const fields = fieldsOf(item);
      const value = fields && read(fields);
      return value === undefined ? [] : [value];
    });
  }

  /** The texts of an object, by name. */
  textsByName(name: string): Readonly<Record<string, string>> {
    const found = this.fields(name);
    const pairs = Object.entries(found === undefined ? {} : found.#fields).slice(0, MAX_ITEMS);
    return Object.fromEntries(pairs.filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
  }

  /** Own properties only, so that `__proto__` is nothing special. */
  #own(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
  }

  #items(name: string): readonly unknown[] {
    const value = this.#own(name);
    return Array.isArray(value) ? value.slice(0, MAX_ITEMS) : [];
  }
}

/** Undefined for what is no object. */
export function fieldsOf(value: unknown): Fields | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? new Fields(value as Readonly<Record<string, unknown>>) : undefined;
}
