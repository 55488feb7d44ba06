/**
 * Control groups: cgroup.img has the groups in which the tasks were, by hierarchy, and the settings of each group. With
 * cgroup v1 a task is in one group of each controller; the unified hierarchy of v2 has the empty name.
 */
import { imageKinds } from '../criu/image-kinds.ts';
import type { CgroupDirEntry } from '../criu/schemas/cgroup.ts';
import { MAX_NESTING } from '../criu/wire.ts';
import type { ImageSet } from './image-set.ts';

export interface ControlGroups {
  readonly sets: readonly ControlGroupSet[];
  readonly groups: readonly ControlGroup[];
}

/** The groups of one or more tasks: the lines of /proc/PID/cgroup. */
export interface ControlGroupSet {
  readonly id: number;
  readonly members: readonly { readonly controller: string; readonly path: string }[];
}

/** A group of one hierarchy, with its settings. */
export interface ControlGroup {
  readonly controllers: readonly string[];
  readonly path: string;
  readonly properties: readonly { readonly name: string; readonly value: string }[];
}

/** Groups told; a node has hundreds, of which a container's image holds its own. */
const MAX_GROUPS = 65_536;

export async function readControlGroups(images: ImageSet): Promise<ControlGroups> {
  const name = 'cgroup.img';
  const entry = await images.readOne(name, imageKinds.cgroup);
  const groups: ControlGroup[] = [];
  for (const { cnames, dirs } of entry?.message.controllers ?? []) {
    for (const dir of dirs) collectGroups(dir, '', cnames, groups, 0);
  }
  if (groups.length >= MAX_GROUPS) {
    images.notes.warn(`more than ${MAX_GROUPS} control groups; the rest is not told`, images.pathOf(name));
  }
  const sets = (entry?.message.sets ?? []).map(({ id, ctls }) => ({
    id,
    members: ctls.map(({ name: controller, path }) => ({ controller, path })),
  }));
  return { sets, groups };
}

/** The decoder bounds the depth already; this is for whoever raises its limit. */
function collectGroups(
  dir: CgroupDirEntry,
  parent: string,
  controllers: readonly string[],
  groups: ControlGroup[],
  depth: number,
): void {
  if (groups.length >= MAX_GROUPS || depth > MAX_NESTING) return;
  const path = `${parent}/${dir.dir_name}`.replace(/^\/+/, '/');
  const properties = dir.properties.map(({ name, value }) => ({ name, value: value.trimEnd() }));
  groups.push({ controllers, path, properties });
  for (const child of dir.children) collectGroups(child, path, controllers, groups, depth + 1);
}
