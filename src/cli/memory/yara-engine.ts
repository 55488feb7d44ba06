import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { MAX_MATCHES_PER_PATTERN, type RuleEngine, type RuleMatch } from '../../analysis/yara/rule-engine.ts';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { describeCause } from '../../bytes/file-source.ts';
import type { Io } from '../io.ts';

/** YARA-X for the one platform that it is published for; decision 018. */
const ENGINE = '@litko/yara-x-linux-x64-gnu';

/** What is used of it. */
interface YaraX {
  compile(source: string, options: { readonly includeDirectories: readonly string[] }): CompiledRules;
}

interface CompiledRules {
  setMaxMatchesPerPattern(count: number): void;
  scan(bytes: Buffer): readonly FoundRule[];
  /** In one of the threads that Node.js reads files with, on a copy of the bytes that is made before the call returns. */
  scanAsync(bytes: Buffer): Promise<readonly FoundRule[]>;
}

interface FoundRule {
  readonly ruleIdentifier: string;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, unknown>>;
  readonly matches: readonly {
    readonly identifier: string;
    readonly offset: number;
    readonly length: number;
  }[];
}

/** Of the four threads that Node.js has for reading, one at least is left for it. */
const MAX_SCANS = 3;
/** To look at less in another thread costs more (0.4 ms, for what YARA-X makes anew there) than it saves. */
const MIN_THREAD_LENGTH = 512 * 1024;

/** Collections of rules have megabytes; more is some other file. */
const MAX_RULES_LENGTH = 64 * 1024 * 1024;

/**
 * Compiles a file of YARA rules with YARA-X; `include` finds files beside it. Throws `FILE_NOT_FOUND`, `FILE_UNREADABLE`,
 * `YARA_MISSING` where the engine is not installed, and `BAD_RULES` with what its compiler says.
 */
export async function loadRules(path: string, io: Io, engine = ENGINE): Promise<RuleEngine> {
  const file = resolve(io.workingDirectory, path);
  const source = await readRules(file, path);
  const yara = loadEngine(engine);
  const rules = attempt(() => yara.compile(source, { includeDirectories: [dirname(file)] }), path);
  rules.setMaxMatchesPerPattern(MAX_MATCHES_PER_PATTERN);
  return {
    size: Math.min(MAX_SCANS, availableParallelism()),
    scan: async ({ buffer, byteOffset, byteLength }) => {
      const bytes = Buffer.from(buffer, byteOffset, byteLength);
      const found = byteLength < MIN_THREAD_LENGTH ? rules.scan(bytes) : await rules.scanAsync(bytes);
      return found.map(toMatch);
    },
  };
}

const toMatch = ({ ruleIdentifier, tags, meta, matches }: FoundRule): RuleMatch => ({
  rule: ruleIdentifier,
  tags,
  meta: { ...meta },
  matches: matches.map(({ identifier, offset, length }) => ({ pattern: identifier, offset, length })),
});

async function readRules(file: string, path: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > MAX_RULES_LENGTH) {
      const message = `${path} has ${size} bytes, more than rules have (${MAX_RULES_LENGTH})`;
      throw new ExhibitError('LIMIT_EXCEEDED', message, { source: path });
    }
    return await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof ExhibitError) throw cause;
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const message = isMissing ? `there is no file ${path}` : `cannot read ${path}: ${describeCause(cause)}`;
    throw new ExhibitError(isMissing ? 'FILE_NOT_FOUND' : 'FILE_UNREADABLE', message, {
      source: path,
      cause,
    });
  }
}

/** The engine is a native module and an optional dependency: loaded only for rules, and not there on other platforms. */
function loadEngine(name: string): YaraX {
  try {
    return createRequire(import.meta.url)(name);
  } catch (cause) {
    const message = `rules need YARA-X, which is not installed here (${process.platform} ${process.arch})`;
    throw new ExhibitError('YARA_MISSING', message, {
      cause,
      help: [
        `It is there for Linux on x86-64 with glibc: npm install ${ENGINE}`,
        'Elsewhere, dump the memory (exhibit memory FILE --dump --pid N -o FILE) and run yara on that.',
      ],
    });
  }
}

/** The compiler's message is a listing of several lines. */
function attempt<T>(action: () => T, path: string): T {
  try {
    return action();
  } catch (cause) {
    const [first = '', ...listing] = describeCause(cause).split('\n');
    throw new ExhibitError('BAD_RULES', `${path} holds no valid rules: ${first}`, {
      source: path,
      help: listing,
      cause,
    });
  }
}
