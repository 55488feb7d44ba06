import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { encodeImage, MAX_JSON_LENGTH } from './encode.ts';

function refusal(json: string | Uint8Array): { readonly code: string; readonly message: string } {
  try {
    encodeImage(typeof json === 'string' ? new TextEncoder().encode(json) : json);
  } catch (error) {
    if (error instanceof ExhibitError) return error;
    throw error;
  }
  return { code: 'none', message: '' };
}

const image = (magic: string, ...entries: readonly string[]): string =>
  `{"magic": "${magic}",\n "entries": [${entries.join(', ')}]}`;

describe('text that is not JSON', () => {
  it.each([
    ['', 'a value is missing (line 1, column 1)'],
    ['hello', 'a value is missing (line 1, column 1)'],
    ['{"magic": "PSTREE"', 'a comma or } is missing (line 1, column 19)'],
    ['{"magic":\n"FS", "magic": "FS"}', 'the name "magic" is there twice (line 2, column 7)'],
    ['{"magic" "FS"}', 'a colon is missing'],
    ['{magic: 1}', 'a name in quotes is missing'],
    ['["open', 'a string has no end (line 1, column 2)'],
    ['["\\x41"]', 'an escape is none of JSON'],
    ['["\\u12"]', 'four hex digits'],
    ['["a\nb"]', 'a control character'],
    ['[1,]', 'a value is missing'],
    ['[01]', 'a comma or ] is missing'],
    [`${image('FS')} {}`, 'there is more text behind the end'],
  ])('%j is refused with its place', (json, message) => {
    expect(refusal(json)).toMatchObject({ code: 'MALFORMED', message: expect.stringContaining(message) });
  });

  it('is refused where it is not UTF-8, too deep, too long or of too many values', () => {
    expect(refusal(Uint8Array.of(0x22, 0xe9, 0x22))).toMatchObject({ code: 'MALFORMED' });
    expect(refusal('['.repeat(100_000))).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(refusal(new Uint8Array(MAX_JSON_LENGTH + 1))).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(refusal(`[${'[],'.repeat(9_000_000)}[]]`)).toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

const DESC = '{"key": 0, "uid": 0, "gid": 0, "cuid": 0, "cgid": 0, "mode": 0, "id": 3}';

describe('JSON that is no image', () => {
  it.each([
    ['[]', 'the JSON must be an object with "magic" and "entries" (line 1, column 1)'],
    ['{}', 'lacks "magic"'],
    ['{"magic": "FS"}', 'lacks "entries"'],
    [image('NONSENSE'), 'magic must be the name of a kind of image, such as "PSTREE" (line 1, column 11)'],
    ['{"magic": "FS", "entries": {}}', 'entries must be a list'],
    ['{"magic": "FS", "entries": [], "more": 1}', 'more is no part of an image'],
    [image('FS', '7'), 'entries[0] must be an object (line 2, column 14)'],
    [
      image('IPCNS_SEM', `{"desc": ${DESC}, "nsems": 3, "extra": [1, 2, 3], "extra_padding": "AQID"}`),
      'entries[0].extra_padding has 3 bytes where 2 are to be filled',
    ],
    [image('FS', '{"cwd_id": 1, "nothing": 2}'), 'entries[0].nothing is no field of fs_entry'],
    [image('FS', '{"cwd_id": 1, "__proto__": 2}'), 'entries[0].__proto__ is no field of fs_entry'],
    [image('FS', '{"cwd_id": 4294967296}'), 'entries[0].cwd_id must be from 0 to 4294967295'],
    [image('FS', '{"cwd_id": 1.5}'), 'must be a whole number of at most 64 bits'],
    [image('FS', '{"cwd_id": 1e3}'), 'must be a whole number of at most 64 bits'],
    [image('FS', '{"cwd_id": null}'), 'must be a whole number of at most 64 bits'],
    [image('FS', '{"cwd_id": "hello"}'), 'what --pretty shows'],
    [image('FS', '{"extra": ""}'), 'entries[0].extra is no field of fs_entry'],
    [image('PSTREE', '{"threads": 1}'), 'entries[0].threads must be a list'],
    [image('PSTREE', '{"threads": [1, "x"]}'), 'entries[0].threads[1] must be'],
    [image('FDINFO', '{"type": "constructor"}'), 'entries[0].type must be a name or a number of fd_types'],
    [image('UTSNS', '{"nodename": "\\ud800"}'), 'has a surrogate that stands for no byte'],
    [image('UTSNS', '{"nodename": 1}'), 'entries[0].nodename must be text'],
    [image('CORE', '{"mtype": "X86_64", "tc": []}'), 'entries[0].tc must be an object'],
    [image('FS', '{"unknown_fields": [{"number": 0, "wire_type": 0, "value": 1}]}'), 'an impossible number'],
    [
      image('FS', '{"unknown_fields": [{"number": 9, "wire_type": 3, "value": 1}]}'),
      'wire_type 0, 1, 2 or 5',
    ],
    [image('FS', '{"unknown_fields": [{"number": 9}]}'), 'lacks "wire_type"'],
  ])('%s is refused with its place', (json, message) => {
    expect(refusal(json)).toMatchObject({ code: 'MALFORMED', message: expect.stringContaining(message) });
  });

  it('is refused for what a raw image holds', () => {
    expect(refusal('{"image": "route-9.img", "raw": "ROUTE"}').code).toBe('RAW_IMAGE');
  });
});

describe('bytes behind a message that do not fit it', () => {
  it.each([
    [
      image('PIPES_DATA', '{"pipe_id": 1, "bytes": 2, "extra": "AA=="}'),
      'has 1 bytes where the entry promises 2',
    ],
    [image('PIPES_DATA', '{"pipe_id": 1, "bytes": 2}'), 'has 0 bytes where the entry promises 2'],
    [image('PIPES_DATA', '{"pipe_id": 1, "bytes": 1, "extra": "A"}'), 'must be base64 text'],
    [image('PIPES_DATA', '{"pipe_id": 1, "bytes": 1, "extra": "AB=="}'), 'must be base64 text'],
    [image('PIPES_DATA', '{"pipe_id": 1, "bytes": 1, "extra": "A==="}'), 'must be base64 text'],
    [image('TCP_STREAM', '{"inq_len": 1, "extra": "AA=="}'), 'with "inq" and "outq"'],
    [image('TCP_STREAM', '{"inq_len": 0, "extra": {"inq": ""}}'), 'lacks "outq"'],
    [image('IPCNS_SEM', '{"nsems": 1, "extra": [65536]}'), 'is more than 16 bits hold'],
    [image('IPCNS_MSG', '{"qnum": 1, "extra": []}'), 'a list of 1 headers'],
    [image('IPCNS_MSG', '{"qnum": 1, "extra": [{"mtype": 1, "msize": 9}, ""]}'), 'its header promises 9'],
    [image('IPCNS_SHM', '{"in_pagemaps": true, "extra": "AA=="}'), 'has bytes where such an entry has none'],
    [image('GHOST_FILE', '{"uid": 0, "extra": ""}', '{"len": 0}'), 'entries[0] must be the last one'],
  ])('%s is refused', (json, message) => {
    expect(refusal(json)).toMatchObject({ code: 'MALFORMED', message: expect.stringContaining(message) });
  });
});

describe('any text', () => {
  it('ends in an image or in one refusal', () => {
    const whole = image('PSTREE', '{"pid": 1, "threads": [1]}', '{"pid": 2, "unknown_fields": []}');
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(8), fc.string({ unit: 'binary' }), (at, removed, added) => {
        refusal(whole.slice(0, at) + added + whole.slice(at + removed));
      }),
    );
  });
});
