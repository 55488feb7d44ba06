/** What can be asked of the checkpoints folder of a node: its files, and a file's content and hashes. */
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { quote } from '../cluster/api-client.ts';
import { MOUNT_PATH } from './helper-pod.ts';
import type { CommandEnd } from './pod-command.ts';

export interface NodeFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** When it was last written, by the node's clock; ISO 8601. */
  readonly modified: string;
}

/** The unit in which a file is read and gone on with: a block of dd. */
export const BLOCK_BYTES = 1024 * 1024;

/** A line of 300 bytes a file: more than 200,000 archives fit no disk. */
const MAX_LISTING_BYTES = 64 * 1024 * 1024;
const MAX_HASH_OUTPUT = 1024;

const IS_FILE = '[ -f "$1" ] && [ ! -L "$1" ]';

/** What is asked of a folder, as scripts of a shell with its arguments. */
export const FOLDER_SCRIPTS = {
  // `+` and no `;`: one process, not one a file. Files that go away meanwhile are no failure.
  list: `cd "$1" && find . -maxdepth 1 -type f -exec stat -c '%s %Y %n' {} + 2>/dev/null; true`,
  find: `${IS_FILE} && stat -c '%s %Y ./x' "$1" || true`,
  read: `${IS_FILE} && exec dd if="$1" bs=${BLOCK_BYTES} skip="$2" 2>/dev/null`,
  hash: `${IS_FILE} && exec sha256sum "$1"`,
  'hash-blocks': `${IS_FILE} && dd if="$1" bs=${BLOCK_BYTES} count="$2" 2>/dev/null | sha256sum`,
} as const;

export type FolderCommand = keyof typeof FOLDER_SCRIPTS;

/** A script and its arguments, which are never part of it. */
export interface FolderQuestion {
  readonly command: FolderCommand;
  readonly args: readonly string[];
  readonly onOutput: (bytes: Uint8Array) => Promise<void> | void;
}

/** Who runs such scripts on a node. */
export interface NodeShell {
  readonly node: string;
  /** The kubelet's checkpoints folder there. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** For the user. */
  tell(text: string): void;
  run(question: FolderQuestion): Promise<CommandEnd>;
}

const LINE = /^(\d{1,15}) (\d{1,11}) \.\/([^/]+)$/;
const DIGEST = /^([0-9a-f]{64})\s/;

/** The files in the folder; lines that no plain file name can have made are left out. */
export async function listFiles(reader: NodeShell): Promise<readonly NodeFile[]> {
  const output = await outputOf(reader, 'list', [MOUNT_PATH], MAX_LISTING_BYTES);
  return output.split('\n').flatMap(parseLine);
}

/** Undefined when there is no such file. */
export async function findFile(reader: NodeShell, name: string): Promise<NodeFile | undefined> {
  const output = await outputOf(reader, 'find', [pathOf(name)], MAX_HASH_OUTPUT);
  const [found] = output.split('\n').flatMap(parseLine);
  return found && { ...found, name };
}

function parseLine(line: string): readonly NodeFile[] {
  const [, size, seconds, name] = LINE.exec(line) ?? [];
  if (name === undefined) return [];
  return [{ name, size: Number(size), modified: new Date(Number(seconds) * 1000).toISOString() }];
}

/** SHA-256 of a file on the node, or of its first `blocks` blocks, in hexadecimal. */
export async function hashOnNode(reader: NodeShell, name: string, blocks?: number): Promise<string> {
  const output =
    blocks === undefined
      ? await outputOf(reader, 'hash', [pathOf(name)], MAX_HASH_OUTPUT)
      : await outputOf(reader, 'hash-blocks', [pathOf(name), String(blocks)], MAX_HASH_OUTPUT);
  // GNU puts a backslash before the digest of a name that it escapes.
  const digest = DIGEST.exec(output.replace(/^\\/, ''))?.[1];
  if (digest !== undefined) return digest;
  throw new ExhibitError('HELPER_POD_FAILED', `the helper pod's sha256sum gives no digest of ${name}`);
}

/** Streams a file from a block on. `onBytes` is awaited: a slow disk here slows the node down. */
export async function readFrom(
  reader: NodeShell,
  name: string,
  block: number,
  onBytes: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const args = [pathOf(name), String(block)];
  const { exitCode, errors } = await reader.run({ command: 'read', args, onOutput: onBytes });
  if (exitCode !== 0) throw commandFailed(reader, exitCode, errors);
}

async function outputOf(
  reader: NodeShell,
  command: FolderCommand,
  args: readonly string[],
  limit: number,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const onOutput = (bytes: Uint8Array): void => {
    length += bytes.length;
    if (length > limit) {
      throw new ExhibitError('LIMIT_EXCEEDED', `the helper pod tells more than ${limit} bytes`);
    }
    chunks.push(bytes);
  };
  const { exitCode, errors } = await reader.run({ command, args, onOutput });
  if (exitCode !== 0) throw commandFailed(reader, exitCode, errors);
  return Buffer.concat(chunks).toString();
}

function commandFailed({ node, folder }: NodeShell, exitCode: number, errors: string): ExhibitError {
  // What a shell answers for a program that is not there.
  if (exitCode === 126 || exitCode === 127) {
    return new ExhibitError('HELPER_POD_FAILED', `the helper pod's image lacks a program: ${quote(errors)}`, {
      help: ['It needs sh, find, stat, dd and sha256sum, as busybox has them: --image IMAGE'],
    });
  }
  const detail = errors.trim() === '' ? 'the file is not there any more' : quote(errors);
  const message = `a command on node ${node}, in ${folder}, ended with ${exitCode}: ${detail}`;
  return new ExhibitError('ARCHIVE_NOT_FOUND', message);
}

const pathOf = (name: string): string => `${MOUNT_PATH}/${name}`;
