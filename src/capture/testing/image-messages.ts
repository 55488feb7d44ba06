import { bufferSource } from '../../bytes/byte-source.ts';
import { readTyped } from '../../criu/image.ts';
import type { ImageKind } from '../../criu/image-kinds.ts';
import type { LiveImage } from '../live/live-image.ts';

/** The messages of one of a capture's images, read as a reader does; none where it is not there. */
export async function imageMessages<T>(
  images: readonly LiveImage[],
  name: string,
  kind: ImageKind<T>,
): Promise<readonly T[]> {
  const image = images.find((each) => each.name === name);
  if (image === undefined) return [];
  const { entries, notes } = await readTyped(bufferSource(image.bytes), name, kind);
  if (notes.length > 0) throw new Error(`${name}: ${notes.map(({ message }) => message).join('; ')}`);
  return entries.map(({ message }) => message);
}
