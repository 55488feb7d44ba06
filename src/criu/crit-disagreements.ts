/** Where `exhibit decode` and CRIU 4.2's `crit decode` say different things on purpose. The list only shrinks. */
export interface CritDisagreement {
  /** The kinds of image, as crit names them; `*` is any. */
  readonly kind: string;
  readonly crit: string;
  readonly exhibit: string;
  readonly reason: string;
}

export const critDisagreements: readonly CritDisagreement[] = [
  {
    kind: 'IPCNS_SHM',
    crit: 'reads `size` bytes behind every segment',
    exhibit: 'reads none behind a segment with in_pagemaps',
    reason:
      'CRIU writes such segments into pagemap-shmem images; crit takes the next entry for their content',
  },
  {
    kind: 'PIDFD, SIGNAL, BINFMT_MISC',
    crit: 'ends with an error: it knows the magic but has no decoder',
    exhibit: 'decodes them',
    reason: 'the messages are in CRIU’s own source',
  },
  {
    kind: 'IPCNS_SHM, IPCNS_SEM, IPCNS_MSG',
    crit: 'drops what CRIU left in the bytes that fill up a payload',
    exhibit: 'shows it as extra_padding, where it is not all zeros',
    reason: 'an image comes back byte for byte, and the end of an older message in there is evidence',
  },
  {
    kind: '*',
    crit: 'drops fields that its schema does not know, and enum values without a name',
    exhibit: 'shows them under unknown_fields, and the number of the value',
    reason: 'evidence is not dropped because it is newer than the reader',
  },
  {
    kind: '*',
    crit: 'ends with a traceback at a string that is not UTF-8, such as a file name in Latin-1',
    exhibit:
      'writes each byte that is not UTF-8 as a lone surrogate, \\udc80 to \\udcff, as Python’s surrogateescape does',
    reason: 'file names are bytes; the form loses nothing and can be turned back',
  },
  {
    kind: '*',
    crit: 'ends with a traceback at the first damaged entry, printing nothing',
    exhibit: 'prints what could be read and warns',
    reason: 'damaged evidence is still evidence',
  },
];
