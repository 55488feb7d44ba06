/** userns-N.img from /proc/PID/uid_map and gid_map: lines `INSIDE OUTSIDE COUNT` (user_namespaces(7)). */
import { imageKinds } from '../../../criu/image-kinds.ts';
import type { MessageOf } from '../../../criu/schema.ts';
import type { uidGidExtent } from '../../../criu/schemas/namespaces.ts';
import { namespaceId } from '../files/namespace-files.ts';
import { type LiveImage, listImage } from '../live-image.ts';
import type { GatheredProcess } from '../look/gathered.ts';

type Extent = MessageOf<typeof uidGidExtent>;

/** All numbers but the last, which stands for none: the namespace that a node starts with. */
const ALL = 0xffff_ffff;

/** One image for each user namespace that counts users in its own way. */
export function userNamespaceImages(processes: readonly GatheredProcess[]): readonly LiveImage[] {
  const known = new Map(processes.map(({ namespaces, files }) => [namespaces.user, files] as const));
  return [...known].flatMap(([inode, files]) => {
    const uid_map = extents(files.uid_map);
    const isOwn = inode !== undefined && uid_map.length > 0 && !uid_map.some(({ count }) => count === ALL);
    const map = { uid_map, gid_map: extents(files.gid_map) };
    return isOwn ? [listImage(`userns-${namespaceId(inode)}.img`, imageKinds.userns, [map])] : [];
  });
}

function extents(text: string | undefined): readonly Extent[] {
  const lines = (text ?? '').split('\n').map((line) => /^ *(\d{1,10}) +(\d{1,10}) +(\d{1,10})$/.exec(line));
  return lines.flatMap((line) =>
    line === null ? [] : [{ first: Number(line[1]), lower_first: Number(line[2]), count: Number(line[3]) }],
  );
}
