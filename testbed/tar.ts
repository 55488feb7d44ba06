/** Writes tar archives as POSIX ustar does: a 512-byte header per file, data padded to 512 bytes. */

export interface TarFile {
  /** Without a leading slash; at most 100 bytes. */
  readonly path: string;
  readonly mode?: number;
  readonly data?: Buffer | string;
  /** Makes it a symbolic link to there. */
  readonly link?: string;
  readonly directory?: boolean;
}

const BLOCK = 512;
const PATH_LIMIT = 100;
/** The same sources give the same bytes: no clock, no user. */
const MODIFIED = Date.UTC(2026, 0, 1) / 1000;

export function tar(files: readonly TarFile[]): Buffer {
  const blocks = files.flatMap((file) => {
    const data = Buffer.from(file.data ?? '');
    return [header(file, data.length), data, Buffer.alloc(-data.length & (BLOCK - 1))];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

function header(file: TarFile, size: number): Buffer {
  if (Buffer.byteLength(file.path) > PATH_LIMIT) throw new Error(`path too long for ustar: ${file.path}`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, length: number) =>
    block.write(value.toString(8).padStart(length - 1, '0'), offset);
  block.write(file.path, 0);
  octal(file.mode ?? 0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(MODIFIED, 136, 12);
  block.fill(' ', 148, 156);
  block.write(file.directory ? '5' : file.link ? '2' : '0', 156);
  block.write(file.link ?? '', 157);
  block.write('ustar\u000000', 257);
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return block;
}
