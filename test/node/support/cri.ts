/**
 * The runtime's own view of its containers, over its socket: gRPC is HTTP/2 with each message behind a flag byte and its
 * length (big-endian). Facts: k8s.io/cri-api, runtime/v1/api.proto (names, numbers and types).
 */
import { connect } from 'node:http2';
import { createConnection } from 'node:net';
import {
  enumerated,
  enumeration,
  int64,
  message,
  nested,
  repeated,
  string,
  uint32,
} from '../../../src/criu/schema.ts';
import { decodeMessage } from '../../../src/criu/wire.ts';

const containerState = enumeration('ContainerState', {
  CONTAINER_CREATED: 0,
  CONTAINER_RUNNING: 1,
  CONTAINER_EXITED: 2,
  CONTAINER_UNKNOWN: 3,
});

const listContainersResponse = message('ListContainersResponse', {
  containers: repeated(
    nested(
      1,
      message('Container', {
        id: string(1),
        pod_sandbox_id: string(2),
        metadata: nested(3, message('ContainerMetadata', { name: string(1), attempt: uint32(2) })),
        image_ref: string(5),
        state: enumerated(6, containerState),
        /** Nanoseconds since 1970. */
        created_at: int64(7),
      }),
    ),
  ),
});

const HEADER_LENGTH = 5;

/** `crictl ps --all`, by the path of the runtime's socket. */
export async function listContainers(socket: string) {
  const session = connect('http://localhost', { createConnection: () => createConnection(socket) });
  try {
    const request = session.request({
      ':method': 'POST',
      ':path': '/runtime.v1.RuntimeService/ListContainers',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    request.end(Buffer.alloc(HEADER_LENGTH));
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const answer = Buffer.concat(chunks).subarray(HEADER_LENGTH);
    return decodeMessage(listContainersResponse, answer).message.containers;
  } finally {
    session.close();
  }
}
