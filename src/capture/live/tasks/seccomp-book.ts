/** seccomp.img as it grows: each program once, with the one that it was stacked on. */
import { imageKinds } from '../../../criu/image-kinds.ts';
import type { MessageOf } from '../../../criu/schema.ts';
import type { seccompFilter } from '../../../criu/schemas/security.ts';
import { type LiveImage, listImage } from '../live-image.ts';
import type { SeccompFilter } from '../registers/thread-registers.ts';

export class SeccompBook {
  readonly #filters: MessageOf<typeof seccompFilter>[] = [];
  readonly #known = new Map<string, number>();

  /** The index of the last one of a thread's filters, which are given oldest first; undefined for none. */
  add(filters: readonly SeccompFilter[]): number | undefined {
    let prev: number | undefined;
    for (const { program, flags } of filters) {
      const key = `${prev} ${flags} ${Buffer.from(program).toString('base64')}`;
      const known = this.#known.get(key) ?? this.#filters.push({ filter: program, prev, flags }) - 1;
      this.#known.set(key, known);
      prev = known;
    }
    return prev;
  }

  image(): LiveImage {
    return listImage('seccomp.img', imageKinds.seccomp, [{ seccomp_filters: this.#filters }]);
  }
}
