import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileOwners } from '../files/file-owners.ts';
import { internetOptions, socketOptions } from '../files/socket-options.ts';
import { fakeProcess } from '../testing/fake-process.ts';
import { type BorrowDescriptor, type Borrower, openBorrower } from './borrowed-descriptor.ts';
import { type CLibrary, loadCLibrary } from './c-library.ts';
import { gatherContainer } from './gather.ts';
import { readSocketOptions } from './socket-options.ts';

let server: Server;
beforeAll(async () => {
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => server.close());

function libraryOf(): CLibrary {
  const library = loadCLibrary();
  if (library === undefined) throw new Error('koffi is not installed for this machine');
  return library;
}

function borrowerOf(library: CLibrary): Borrower {
  const borrower = openBorrower(library);
  if (borrower === undefined) throw new Error('this kernel lends no descriptors');
  return borrower;
}

const socketsOf = (...links: readonly string[]) =>
  fakeProcess({ descriptors: links.map((link, fd) => ({ fd, link, info: '', stat: undefined })) });

describe('readSocketOptions', () => {
  it('asks a socket of another holder, and gives back what it borrowed', () => {
    const library = libraryOf();
    const { processes } = gatherContainer([process.pid]);
    const before = gatherContainer([process.pid]).processes[0]?.descriptors.length;
    const borrower = borrowerOf(library);
    const { sockets, gaps } = readSocketOptions(library, borrower.borrow, processes);
    borrower.close();
    expect(gatherContainer([process.pid]).processes[0]?.descriptors.length).toBe(before);
    expect(gaps).toEqual([]);
    const found = [...sockets.values()].find(({ values }) => values.get('keepidle') !== undefined);
    expect(found && socketOptions(found)).toMatchObject({ reuseaddr: true, so_rcvlowat: 1, so_filter: [] });
    expect(found && internetOptions(found)).toMatchObject({ ttl: 64, raw: undefined });
    expect(found?.owner).toEqual({ type: 0, pid: 0, signal: 0, uid: 0, euid: 0 });
  });

  it('goes on without those that cannot be had, and asks each once', () => {
    const asked: string[] = [];
    const borrow: BorrowDescriptor = (pid, fd) => {
      asked.push(`${pid} ${fd}`);
      return undefined;
    };
    const found = readSocketOptions(libraryOf(), borrow, [socketsOf('socket:[1]', 'pipe:[2]')]);
    expect(found).toEqual({ sockets: new Map(), gaps: [] });
    expect(asked).toEqual(['1 0']);
  });
});

it('gives no descriptor of a process that is not there', () => {
  const { borrow, close } = borrowerOf(libraryOf());
  expect(borrow(2 ** 22 + 1, 0, () => 'asked')).toBeUndefined();
  expect(borrow(process.pid, 99_999, () => 'asked')).toBeUndefined();
  close();
});

it('tells owners as the container counts, and not those of others', () => {
  const ownerOf = fileOwners((pid) => (pid === 700 ? 7 : undefined));
  const owner = { type: 1, pid: 700, signal: 10, uid: 33, euid: 0 };
  expect(ownerOf(owner)).toEqual({ pid_type: 1, pid: 7, signum: 10, uid: 33, euid: 0 });
  expect(ownerOf({ ...owner, pid: 800 })).toMatchObject({ pid: 0 });
  expect(ownerOf(undefined)).toMatchObject({ pid: 0, signum: 0 });
});
