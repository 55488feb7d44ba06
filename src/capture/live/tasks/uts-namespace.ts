/** utsns-N.img. */
import { imageKinds } from '../../../criu/image-kinds.ts';
import { namespaceId } from '../files/namespace-files.ts';
import { type LiveImage, listImage } from '../live-image.ts';
import type { NamespaceLook } from '../look/gather-namespaces.ts';

export const utsNamespaceImages = ({ hostNames }: NamespaceLook): readonly LiveImage[] =>
  [...hostNames].map(([inode, names]) =>
    listImage(`utsns-${namespaceId(inode)}.img`, imageKinds.utsns, [names]),
  );
