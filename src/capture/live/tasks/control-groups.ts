/** cgroup.img from /proc/PID/cgroup: lines `ID:CONTROLLERS:PATH`. Settings of the groups lie in files of the node. */
import { imageKinds } from '../../../criu/image-kinds.ts';
import type { MessageOf } from '../../../criu/schema.ts';
import type { cgSetEntry } from '../../../criu/schemas/cgroup.ts';
import { type LiveImage, listImage } from '../live-image.ts';

/** With CRIU the first set is its own. */
const FIRST_ID = 2;

const LINE = /^\d{1,10}:([^:]*):(\/.*)$/;

export class ControlGroupSets {
  readonly #sets: MessageOf<typeof cgSetEntry>[] = [];
  readonly #known = new Map<string, number>();

  /** The id of the set of groups that a process is in; processes in the same groups have the same. */
  idOf(text: string | undefined): number {
    const lines = (text ?? '')
      .split('\n')
      .flatMap((line) => [LINE.exec(line) ?? []].filter(({ length }) => length > 0));
    const ctls = lines.map(([, name = '', path = '']) => ({ name, path }));
    ctls.sort((a, b) => (a.name < b.name ? -1 : 1));
    const key = JSON.stringify(ctls);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const id = FIRST_ID + this.#sets.length;
    this.#sets.push({ id, ctls });
    this.#known.set(key, id);
    return id;
  }

  image(): LiveImage {
    return listImage('cgroup.img', imageKinds.cgroup, [{ sets: this.#sets, controllers: [] }]);
  }
}
