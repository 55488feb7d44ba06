import type { ExhibitError } from '../bytes/exhibit-error.ts';
import type { Note } from '../bytes/note.ts';
import { ExitCode, type Io } from './io.ts';
import { escapeText } from './terminal/escape.ts';

/** More warnings than this say nothing new; the JSON outputs have all of them. */
const MAX_WARNINGS = 20;

/** Tells an error and its cure on stderr; `about` is the file that it is about, told if the message lacks it. */
export function tellError(error: ExhibitError, io: Io, about = error.source): ExitCode {
  const prefix = about === undefined || error.message.includes(about) ? '' : `${about}: `;
  io.err(`exhibit: ${escapeText(prefix + error.message)}\n`);
  for (const line of error.help) io.err(`  ${escapeText(line)}\n`);
  return ExitCode.failed;
}

/** Tells what was damaged or missing in a file, once everything else has been said. */
export function tellWarnings(file: string, notes: readonly Note[], io: Io): ExitCode {
  const warnings = notes.filter(({ severity }) => severity === 'warning');
  for (const { message, entry, offset } of warnings.slice(0, MAX_WARNINGS)) {
    const place =
      entry === undefined ? file : `${file}, ${entry}${offset === undefined ? '' : ` at byte ${offset}`}`;
    io.err(`exhibit: warning: ${escapeText(message)} (${escapeText(place)})\n`);
  }
  if (warnings.length > MAX_WARNINGS) {
    io.err(`exhibit: warning: and ${warnings.length - MAX_WARNINGS} more; --json lists them all\n`);
  }
  return warnings.length > 0 ? ExitCode.damaged : ExitCode.done;
}
