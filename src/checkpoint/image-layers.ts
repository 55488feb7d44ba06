/**
 * A container image in a tar, as a root filesystem: its layers lie over each other.
 * - `docker save`: manifest.json is an array of images; `Layers` names the tars of each, the lowest first.
 * - OCI image layout (skopeo, `ctr image export`): index.json leads by digests to a manifest, whose `layers` are blobs; blobs
 *   lie at blobs/ALGORITHM/HEX. Manifests of attestations have the platform `unknown`.
 * - A layer is a tar, plain, gzip or zstd. `.wh.NAME` in it removes NAME of the layers below, `.wh..wh..opq` in a folder all
 *   that they have there.
 * Facts: OCI image specification 1.1 (image-layout.md, manifest.md, layer.md); Docker image specification 1.2.
 */
import type { ArchiveIndex } from '../archive/archive-index.ts';
import { entryPath } from '../archive/archive-path.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { JsonValue } from './json-document.ts';
import { openFile, type RootFiles } from './root-files.ts';

/** Manifests list layers and some text; in bytes. */
const MAX_DOCUMENT = 4 * 1024 * 1024;
/** Docker's own limit is 127. */
const MAX_LAYERS = 128;
/** An index may lead to an index of platforms, and that to a manifest. */
const MAX_INDEX_DEPTH = 3;

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/**
 * The layers of the image that a tar holds, the lowest first; undefined where it holds none. They are closed with the tar.
 * Throws `BAD_ROOTFS` for several images, for a layer that is missing, and for what is no image although it says so.
 */
export async function imageLayers(archive: ArchiveIndex): Promise<readonly ArchiveIndex[] | undefined> {
  const paths = (await dockerLayers(archive)) ?? (await ociLayers(archive));
  if (paths === undefined) return undefined;
  if (paths.length > MAX_LAYERS) throw badImage(`has ${paths.length} layers; the limit is ${MAX_LAYERS}`);
  const layers: ArchiveIndex[] = [];
  for (const path of paths) {
    const entry = archive.find(entryPath(path));
    if (entry === undefined) throw badImage(`names the layer ${path}, which is not in the tar`);
    layers.push(await archive.openNested(entry));
  }
  return layers;
}

async function dockerLayers(archive: ArchiveIndex): Promise<readonly string[] | undefined> {
  const document = await readDocument(archive, 'manifest.json');
  // Other files have this name too.
  const images = document?.items.filter((image) => image.get('Layers').items.length > 0) ?? [];
  if (images.length === 0) return undefined;
  const [image] = theOnly(images);
  return texts(image.get('Layers').items);
}

async function ociLayers(archive: ArchiveIndex): Promise<readonly string[] | undefined> {
  if (archive.find('oci-layout') === undefined) return undefined;
  let document = await readDocument(archive, 'index.json');
  for (let depth = 0; document !== undefined && depth <= MAX_INDEX_DEPTH; depth++) {
    const layers = document.get('layers').items;
    if (layers.length > 0) return layers.map((layer) => blobPath(layer));
    const manifests = document
      .get('manifests')
      .items.filter((manifest) => manifest.get('platform', 'os').text !== 'unknown');
    const [manifest] = theOnly(manifests);
    document = await readDocument(archive, blobPath(manifest));
  }
  throw badImage('has no manifest that lists layers');
}

function theOnly(images: readonly JsonValue[]): readonly [JsonValue] {
  const [image] = images;
  if (image === undefined || images.length > 1)
    throw badImage(`holds ${images.length} images; save the container's alone, for its platform`);
  return [image];
}

function blobPath(descriptor: JsonValue): string {
  const digest = descriptor.get('digest').text ?? '';
  if (!/^[a-z0-9]+:[0-9a-f]+$/.test(digest)) throw badImage(`has the digest ${digest}, which is none`);
  return `blobs/${digest.replace(':', '/')}`;
}

const texts = (values: readonly JsonValue[]): readonly string[] => values.map(({ text }) => text ?? '');

async function readDocument(archive: ArchiveIndex, path: string): Promise<JsonValue | undefined> {
  const entry = archive.find(path);
  if (entry?.type !== 'file' || entry.size > MAX_DOCUMENT) return undefined;
  const text = new TextDecoder().decode(await archive.open(entry).read(0, entry.size));
  try {
    return new JsonValue(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The files that are left when each layer is laid over those before it. */
export function filesOfLayers(name: string, layers: readonly ArchiveIndex[]): RootFiles {
  const downwards = [...layers].reverse();
  return {
    name,
    open: async (path) => {
      const wanted = entryPath(path);
      for (const layer of downwards) {
        const entry = layer.find(wanted);
        if (entry !== undefined) return openFile(layer, entry);
        if (hidesBelow(layer, wanted)) return undefined;
      }
      return undefined;
    },
  };
}

/** Whether the layer removes what lower layers have at a path: the path itself, or a folder above it. */
function hidesBelow(layer: ArchiveIndex, path: string): boolean {
  const names = path.split('/');
  for (let depth = names.length - 1; depth >= 0; depth--) {
    const folder = names
      .slice(0, depth)
      .map((name) => `${name}/`)
      .join('');
    if (layer.find(`${folder}${WHITEOUT}${names[depth]}`) || layer.find(`${folder}${OPAQUE}`)) return true;
    const above = depth > 0 ? layer.find(folder.slice(0, -1)) : undefined;
    if (above !== undefined && above.type !== 'directory') return true;
  }
  return false;
}

function badImage(what: string): ExhibitError {
  return new ExhibitError('BAD_ROOTFS', `the image ${what}`);
}
