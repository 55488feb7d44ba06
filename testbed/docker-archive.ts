import { createHash } from 'node:crypto';
import { type TarFile, tar } from './tar.ts';

/** An image of one layer. */
export interface Image {
  readonly reference: string;
  readonly files: readonly TarFile[];
  readonly command: readonly string[];
}

/**
 * The form that `docker save` writes and `ctr image import` and `podman load` read:
 * manifest.json, and the configs and layers that it names.
 * https://github.com/moby/moby/blob/master/image/spec/v1.2.md#combined-image-json--filesystem-changeset-format
 */
export function dockerArchive(images: readonly Image[]): Buffer {
  const parts = images.map(imageParts);
  const manifest = parts.map(({ manifest }) => manifest);
  return tar([
    ...parts.flatMap(({ files }) => files),
    { path: 'manifest.json', data: JSON.stringify(manifest) },
  ]);
}

function imageParts(image: Image) {
  const layer = tar(image.files);
  const config = JSON.stringify({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    created: '2026-01-01T00:00:00Z',
    config: { Cmd: image.command, Env: ['PATH=/bin'], WorkingDir: '/' },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
  });
  const configPath = `${sha256(config)}.json`;
  const layerPath = `${sha256(layer)}/layer.tar`;
  return {
    manifest: { Config: configPath, RepoTags: [image.reference], Layers: [layerPath] },
    files: [
      { path: configPath, data: config },
      { path: layerPath, data: layer },
    ],
  };
}

function sha256(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}
