/** Tars of every shape, right and wrong, for tests. Nothing is checked: what a test asks for is what it gets. */

const BLOCK = 512;

export interface ForgedMember {
  readonly name: string;
  readonly data?: Uint8Array | string;
  /** The type flag. Default `0`. */
  readonly flag?: string;
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly modified?: number;
  readonly format?: 'ustar' | 'gnu' | 'v7';
  /** What the header says; by default the length of `data`. A string is written into the field as it is. */
  readonly size?: number | bigint | string;
  /** Records of a PAX header that is put before the member. */
  readonly pax?: Readonly<Record<string, string | Uint8Array>>;
  /** Default: the right one. */
  readonly checksum?: 'right' | 'signed' | 'wrong';
}

export interface ForgeOptions {
  /** Zero blocks at the end. Default 2. */
  readonly endBlocks?: number;
}

export function forgeTar(members: readonly ForgedMember[], options: ForgeOptions = {}): Buffer {
  return Buffer.concat([...members.map(forgeMember), Buffer.alloc((options.endBlocks ?? 2) * BLOCK)]);
}

export function forgeMember(member: ForgedMember): Buffer {
  const data = Buffer.from(member.data ?? '');
  const pax =
    member.pax === undefined
      ? Buffer.alloc(0)
      : forgeMember({ name: 'PaxHeaders/x', flag: 'x', data: forgePax(member.pax) });
  return Buffer.concat([
    pax,
    forgeHeader(member, data.length),
    data,
    Buffer.alloc(-data.length & (BLOCK - 1)),
  ]);
}

/** GNU's way with names longer than 100 bytes. */
export function forgeLongName(name: string, flag: 'L' | 'K' = 'L'): Buffer {
  return forgeMember({ name: '././@LongLink', flag, format: 'gnu', data: `${name}\0` });
}

export function forgePax(records: Readonly<Record<string, string | Uint8Array>>): Buffer {
  return Buffer.concat(Object.entries(records).map(([key, value]) => paxRecord(key, Buffer.from(value))));
}

function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function forgeHeader(member: ForgedMember, dataLength: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(member.name, 0, 100);
  writeNumber(block, 100, 8, member.mode ?? 0o644);
  writeNumber(block, 108, 8, member.uid ?? 0);
  writeNumber(block, 116, 8, member.gid ?? 0);
  writeNumber(block, 124, 12, member.size ?? dataLength);
  writeNumber(block, 136, 12, member.modified ?? 1_767_225_600);
  block.write(member.flag ?? '0', 156, 1, 'latin1');
  block.write(member.link ?? '', 157, 100);
  const format = member.format ?? 'ustar';
  if (format !== 'v7') block.write(format === 'ustar' ? 'ustar\x0000' : 'ustar  \0', 257, 'latin1');
  writeChecksum(block, member.checksum ?? 'right');
  return block;
}

function writeNumber(block: Buffer, offset: number, length: number, value: number | bigint | string): void {
  if (typeof value === 'string') {
    block.write(value, offset, length, 'latin1');
    return;
  }
  const octal = value.toString(8);
  if (octal.length < length) {
    block.write(octal.padStart(length - 1, '0'), offset, 'latin1');
    return;
  }
  const bits = BigInt.asUintN(length * 8, BigInt(value)) | (1n << BigInt(length * 8 - 1));
  Buffer.from(bits.toString(16).padStart(length * 2, '0'), 'hex').copy(block, offset);
}

function writeChecksum(block: Buffer, kind: 'right' | 'signed' | 'wrong'): void {
  block.fill(' ', 148, 156);
  let sum = 0;
  for (const byte of block) sum += kind === 'signed' && byte >= 0x80 ? byte - 256 : byte;
  if (kind === 'wrong') sum += 1;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}
