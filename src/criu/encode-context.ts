/** What everything that encodes JSON needs to tell where the JSON is wrong. */
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { type JsonNode, placeInText } from './json-tree.ts';

/** Characters of a member's name that an error repeats; names are the user's text and may be of any length. */
const MAX_NAME = 64;

/** The text, and the way to the value that is being encoded, such as `entries[3].thread_core.pdeath_sig`. */
export class JsonContext {
  readonly #text: string;
  readonly #outer: JsonContext | undefined;
  readonly #step: string | number;

  constructor(text: string, outer?: JsonContext, step: string | number = '') {
    this.#text = text;
    this.#outer = outer;
    this.#step = step;
  }

  /** The context of a member or an item of this value. */
  inside(step: string | number): JsonContext {
    return new JsonContext(this.#text, this, step);
  }

  /** Refuses a value: throws `MALFORMED` with the way to it and its line and column. */
  fail(node: JsonNode, what: string): never {
    const path = this.#path();
    const place = placeInText(this.#text, node.at);
    throw new ExhibitError('MALFORMED', `${path === '' ? 'the JSON' : path} ${what} (${place})`, {
      offset: node.at,
    });
  }

  #path(): string {
    if (this.#outer === undefined) return '';
    const before = this.#outer.#path();
    if (typeof this.#step === 'number') return `${before}[${this.#step}]`;
    return `${before}${before === '' ? '' : '.'}${this.#step.slice(0, MAX_NAME)}`;
  }
}
