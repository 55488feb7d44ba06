/**
 * A container of Podman, by `podman container inspect`.
 * Source of the fields: containers/podman, libpod/define/container_inspect.go.
 */
import path from 'node:path';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { ContainerSummary } from '../pod.ts';
import { explainPodman } from './podman-answer.ts';
import { runPodman } from './podman-program.ts';

export interface PodmanContainer {
  readonly id: string;
  readonly summary: ContainerSummary;
  /** Where Podman keeps CRIU's log of a failed checkpoint. */
  readonly dumpLog: string | undefined;
}

/** A name as `podman run --name` takes it, or the beginning of an id: nothing that could be an option or a path. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,252}$/;

/** Throws `BAD_TARGET`. */
export function parsePodmanName(text: string): string {
  if (NAME.test(text)) return text;
  const how = 'with --via podman, write the name or the id of a container, as podman ps shows it';
  throw new ExhibitError('BAD_TARGET', `"${text}" is no container of Podman: ${how}`);
}

/** Throws `CONTAINER_NOT_FOUND`, `NO_ROUTE`, or `MALFORMED` for what no podman says. */
export async function inspectContainer(name: string): Promise<PodmanContainer> {
  const result = await runPodman(['container', 'inspect', parsePodmanName(name)]);
  if (result.code !== 0) throw explainPodman(result, name);
  return readInspection(result.stdout);
}

type Json = Readonly<Record<string, unknown>>;

/** Reads what `podman container inspect` printed. */
export function readInspection(text: string): PodmanContainer {
  const [first] = parseList(text);
  const { Id, Name, ImageName, Image, State, RestartCount, OCIConfigPath } = first ?? {};
  const id = textOf(Id);
  const name = textOf(Name);
  if (id === undefined || !/^[0-9a-f]{64}$/.test(id) || name === undefined) throw malformed();
  const { Status } = (State ?? {}) as Json;
  return {
    id,
    summary: {
      name,
      kind: 'container',
      image: textOf(ImageName) ?? '',
      image_id: textOf(Image),
      runtime: 'podman',
      id,
      ...stateOf(textOf(Status)),
      ready: Status === 'running',
      restarts: typeof RestartCount === 'number' ? RestartCount : 0,
    },
    // runc and crun write the log into their bundle, where config.json is as well.
    dumpLog: textOf(OCIConfigPath) && path.join(path.dirname(String(OCIConfigPath)), 'dump.log'),
  };
}

function stateOf(status: string | undefined): Pick<ContainerSummary, 'state' | 'reason'> {
  if (status === 'running') return { state: 'running' };
  return { state: status === 'exited' ? 'terminated' : 'unknown', reason: status };
}

function parseList(text: string): readonly Json[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && typeof value[0] === 'object' && value[0] !== null) return value;
  } catch {
    // Told below, with what is not a list as well.
  }
  throw malformed();
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const malformed = (): ExhibitError =>
  new ExhibitError('MALFORMED', 'what podman container inspect printed is no list of containers');
