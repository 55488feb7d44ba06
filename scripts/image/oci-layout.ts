/**
 * An image of a container as an OCI image layout in one tar, which `ctr image import`, `podman load` and `skopeo copy
 * oci-archive:` read. The same files give the same bytes: sorted, of one time, owned by root.
 * Facts: OCI image-spec 1.1, image-layout.md, manifest.md, config.md, layer.md.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { paddingAfter, TAR_END, tarHeader } from '../../src/archive/tar-writer.ts';

export interface ImageFile {
  /** In the image, without a leading slash. */
  readonly path: string;
  readonly data: Uint8Array;
  readonly isProgram: boolean;
}

export type Architecture = 'amd64' | 'arm64';

export interface ImageDescription {
  /** A full reference: `localhost/exhibit:0.1.0`. */
  readonly name: string;
  readonly architecture: Architecture;
  readonly entrypoint: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** From the lowest one up; what changes rarely first. */
  readonly layers: readonly (readonly ImageFile[])[];
}

export interface BuiltImage {
  /** `sha256:…` of the manifest: what a registry and `image@sha256:…` mean. */
  readonly digest: string;
  readonly tar: Uint8Array;
}

/** Of every file, and of the image: nanoseconds since 1970, the day of the first release. */
const MODIFIED = BigInt(Date.UTC(2026, 0, 1)) * 1_000_000n;
const CREATED = new Date(Number(MODIFIED / 1_000_000n)).toISOString();
/** zlib's own default, said so that it stays. */
const LEVEL = 6;

const MEDIA = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

export function buildImage(image: ImageDescription): BuiltImage {
  const layers = image.layers.map((files) => tarOf(files));
  const packed = layers.map((layer) => blobOf(MEDIA.layer, gzipSync(layer, { level: LEVEL })));
  const config = blobOf(MEDIA.config, json(configOf(image, layers.map(digestOf))));
  const manifest = blobOf(
    MEDIA.manifest,
    json({
      schemaVersion: 2,
      mediaType: MEDIA.manifest,
      config: config.descriptor,
      layers: packed.map(({ descriptor }) => descriptor),
    }),
  );
  const files = [
    ...[config, manifest, ...packed].map(({ file }) => file),
    plainFile('oci-layout', json({ imageLayoutVersion: '1.0.0' })),
    plainFile('index.json', json(indexOf(image, manifest.descriptor))),
  ];
  return { digest: manifest.descriptor.digest, tar: tarOf(files) };
}

function configOf({ architecture, entrypoint, environment }: ImageDescription, layers: readonly string[]) {
  return {
    created: CREATED,
    architecture,
    os: 'linux',
    config: {
      Entrypoint: entrypoint,
      Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      WorkingDir: '/',
    },
    rootfs: { type: 'layers', diff_ids: layers },
  };
}

/** containerd takes the whole name from an annotation of its own; others know the tag. */
function indexOf({ name, architecture }: ImageDescription, manifest: Descriptor) {
  const annotations = {
    'io.containerd.image.name': name,
    'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
  };
  const manifests = [{ ...manifest, platform: { architecture, os: 'linux' }, annotations }];
  return { schemaVersion: 2, mediaType: MEDIA.index, manifests };
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

function blobOf(mediaType: string, data: Uint8Array) {
  const digest = digestOf(data);
  const descriptor: Descriptor = { mediaType, digest, size: data.length };
  return { descriptor, file: plainFile(`blobs/${digest.replace(':', '/')}`, data) };
}

const plainFile = (path: string, data: Uint8Array): ImageFile => ({ path, data, isProgram: false });
const json = (value: object): Uint8Array => Buffer.from(JSON.stringify(value));

function digestOf(data: Uint8Array): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

function tarOf(files: readonly ImageFile[]): Uint8Array {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const pieces = sorted.flatMap(({ path, data, isProgram }) => [
    tarHeader({
      type: 'file',
      path,
      size: data.length,
      mode: isProgram ? 0o755 : 0o644,
      modified: MODIFIED,
    }),
    data,
    new Uint8Array(paddingAfter(data.length)),
  ]);
  return Buffer.concat([...pieces, TAR_END]);
}
