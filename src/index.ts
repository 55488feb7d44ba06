/**
 * The library: open an archive, read the checkpoint in it, search its memory. The command line is built on nothing else.
 *
 * ```ts
 * const source = await openFileSource('checkpoint.tar');
 * const archive = await openArchive(source, nodeUnpacking(process.env));
 * const checkpoint = await openCheckpoint('checkpoint.tar', archive);
 * for (const process of await checkpoint.processes()) console.log(process.pid, await process.commandLine());
 * ```
 */

export { type SearchHit, searchMemory } from './analysis/memory-search.ts';
export { type MemoryFilter, selectMemory } from './analysis/memory-selection.ts';
export { findStrings, type StringOptions } from './analysis/memory-strings.ts';
export { parseSearchTerm, type SearchQuery } from './analysis/pattern.ts';
export { matchRules, type RuleHit } from './analysis/yara/match-rules.ts';
export type { RuleEngine } from './analysis/yara/rule-engine.ts';
export type { ArchiveEntry, ArchiveIndex } from './archive/archive-index.ts';
export { openArchive } from './archive/open-archive.ts';
export { type ByteSource, bufferSource, sliceSource } from './bytes/byte-source.ts';
export { type ErrorCode, ExhibitError } from './bytes/exhibit-error.ts';
export { openFileSource } from './bytes/file-source.ts';
export { nodeUnpacking } from './bytes/node-unpacking.ts';
export type { Note } from './bytes/note.ts';
export type { SourceLocation } from './bytes/source-location.ts';
export type { AddressSpace, Extent, MemoryRead, Region } from './checkpoint/address-space.ts';
export type { Checkpoint, Process } from './checkpoint/checkpoint.ts';
export type { Descriptor, Socket } from './checkpoint/descriptors.ts';
export { openCheckpoint } from './checkpoint/open-checkpoint.ts';
export type { RootFiles } from './checkpoint/root-files.ts';
export { readImage } from './criu/image.ts';
export type { CoreSink } from './export/elf-core/chunk-writer.ts';
export { type ElfCore, writeElfCore } from './export/elf-core/elf-core.ts';
export { type Inspection, inspectCheckpoint } from './export/inspection.ts';
