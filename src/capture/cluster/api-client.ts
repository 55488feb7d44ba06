/** Small requests to the API server: JSON there and back, refusals as cause and cure. */
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { explainApiAnswer, readDenial, statusMessage } from '../api-answer.ts';
import { type Endpoint, send } from '../https-client.ts';
import { grantCommands } from '../rbac.ts';

export type Json = Readonly<Record<string, unknown>>;

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below the server's base path; its parts are encoded already. */
  readonly path: string;
  readonly body?: object | undefined;
  /** Completes "cannot …". */
  readonly what: string;
  /** The commands that would allow it to a user; undefined: those for just what was refused. */
  readonly grants?: ((user: string) => readonly string[]) | undefined;
}

/** A pod is some KiB; a list of 500 nodes with their images some 10 MiB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** An answer that says nothing for this long does not come. */
const IDLE_SECONDS = 60;

/** The answer's object; undefined for 404. Throws `API_FORBIDDEN`, `API_UNAVAILABLE`, and what `send` throws. */
export async function callApi(api: Endpoint, request: ApiRequest): Promise<Json | undefined> {
  const answer = await send(api, {
    method: request.method,
    path: apiPath(api, request.path),
    body: request.body && JSON.stringify(request.body),
    idleLimit: IDLE_SECONDS,
    answerLimit: MAX_ANSWER_BYTES,
  });
  if (answer.status === 404) return undefined;
  if (answer.status >= 200 && answer.status < 300) return parseObject(answer.body, request.what);
  throw explainRefusal(answer, request);
}

/** Any answer but a success as an error. */
export function explainRefusal(
  answer: { readonly status: number; readonly body: string },
  { what, grants }: Pick<ApiRequest, 'what' | 'grants'>,
): ExhibitError {
  // 429 and 5xx: it is there, and cannot now.
  if (answer.status === 429 || answer.status >= 500) {
    const detail = quote(statusMessage(answer.body) ?? answer.body);
    return new ExhibitError(
      'API_UNAVAILABLE',
      `cannot ${what}: the API server answered ${answer.status}: ${detail}`,
    );
  }
  const { code, message } = explainApiAnswer(answer, what);
  const denial = readDenial(answer);
  if (denial === undefined) return new ExhibitError(code, message);
  const commands = grants === undefined ? grantCommands(denial) : grants(denial.user);
  return new ExhibitError(code, message, {
    help: ['A cluster administrator allows it with:', ...commands],
  });
}

/** The server may live below a path, as behind Rancher. */
export function apiPath(api: Endpoint, path: string): string {
  return `${api.url.pathname.replace(/\/$/, '')}${path}`;
}

function parseObject(body: string, what: string): Json {
  try {
    return record(JSON.parse(body));
  } catch {
    throw new ExhibitError('API_FAILED', `cannot ${what}: the answer is not JSON`);
  }
}

/** What is no object reads as an empty one. */
export function record(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

export function records(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(record) : [];
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

const MAX_QUOTED_LENGTH = 600;

/** A text of the cluster for a message: one line, cut. */
export function quote(message: string): string {
  return message.trim().replace(/\s+/g, ' ').slice(0, MAX_QUOTED_LENGTH) || '(no text)';
}
