/** The machines that are emulated: one an architecture. */
import type { Architecture } from '../../scripts/image/oci-layout.ts';

interface Emulation {
  /** Debian's name of the emulator and the package that it is in. */
  readonly emulator: string;
  readonly emulatorPackage: string;
  /** A board, and a processor with all that the emulator knows: vector registers of each kind, pointer authentication. */
  readonly board: readonly string[];
  /** What the kernel calls the serial line that the emulator writes to its standard output. */
  readonly console: string;
  readonly compiler: string;
  readonly compilerPackages: readonly string[];
}

export const EMULATIONS: Readonly<Record<Architecture, Emulation>> = {
  amd64: {
    emulator: 'qemu-system-x86_64',
    emulatorPackage: 'qemu-system-x86',
    board: ['-machine', 'q35', '-cpu', 'max'],
    console: 'ttyS0',
    compiler: 'x86_64-linux-gnu-gcc',
    compilerPackages: ['gcc', 'libc6-dev'],
  },
  arm64: {
    emulator: 'qemu-system-aarch64',
    emulatorPackage: 'qemu-system-arm',
    // Pointer authentication by a quick function: the architecture's own one takes half of all emulated time.
    board: ['-machine', 'virt', '-cpu', 'max,pauth-impdef=on'],
    console: 'ttyAMA0',
    compiler: 'aarch64-linux-gnu-gcc',
    compilerPackages: ['gcc-aarch64-linux-gnu', 'libc6-dev-arm64-cross'],
  },
};
