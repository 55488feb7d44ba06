import { resolve } from 'node:path';
import { piecesOf } from '../bytes/byte-source.ts';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { openFileSource } from '../bytes/file-source.ts';
import { encodeImage, MAX_JSON_LENGTH } from '../criu/encode.ts';
import type { ConfigureCommand } from './command.ts';
import { ExitCode, type Io } from './io.ts';
import { openOutput } from './output.ts';

const DETAILS = `
FILE is what \`exhibit decode\` or \`crit decode\` printed of one image, plain or with
--pretty; - is standard input. The image is the one that the JSON is of, byte for byte
where CRIU wrote it. An existing file is never written over.

Examples:
  exhibit decode checkpoint.tar pstree | exhibit encode -o pstree.img
  exhibit encode files.json -o files.img
  exhibit encode core-1.json -o - | sha256sum`;

/** Bytes read at once. */
const PIECE = 16 * 1024 * 1024;

interface EncodeOptions {
  readonly output: string;
}

export const configure: ConfigureCommand = (command, io, finish) => {
  command
    .argument('[file]', 'JSON of one image; standard input by default', '-')
    .requiredOption('-o, --output <file>', 'the image to write; - for standard output')
    .addHelpText('after', DETAILS)
    .action(async (file: string, options: EncodeOptions) => {
      finish(await encode(file, options, io));
    });
};

async function encode(file: string, options: EncodeOptions, io: Io): Promise<ExitCode> {
  const json = file === '-' ? await collect(io.input) : await readJson(file, io);
  const parts = encodeNamed(file === '-' ? 'standard input' : file, json);
  const output = await openOutput(options.output, io);
  try {
    for (const part of parts) await output.bytes(part);
  } finally {
    await output.close();
  }
  return ExitCode.done;
}

/** Errors name the file that the JSON is from. */
function encodeNamed(source: string, json: Uint8Array): readonly Uint8Array[] {
  try {
    return encodeImage(json);
  } catch (error) {
    if (!(error instanceof ExhibitError)) throw error;
    const { code, message, offset, cause } = error;
    throw new ExhibitError(code, message, { source, offset, cause });
  }
}

async function readJson(file: string, io: Io): Promise<Uint8Array> {
  const source = await openFileSource(resolve(io.workingDirectory, file));
  try {
    return await collect(piecesOf(source, PIECE));
  } finally {
    await source.close();
  }
}

/** Joins the pieces; stops reading where no JSON may be that long. */
async function collect(input: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of input) {
    length += part.length;
    if (length > MAX_JSON_LENGTH) {
      throw new ExhibitError('LIMIT_EXCEEDED', `the JSON is longer than ${MAX_JSON_LENGTH} bytes`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}
