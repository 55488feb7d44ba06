/**
 * Device numbers, which are written in two ways: as stat(2) gives them (the C library's gnu_dev_major and gnu_dev_minor) and
 * as the kernel has them, MAJOR << 20 | MINOR (include/linux/kdev_t.h), which is how CRIU keeps `dev`.
 */

export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

/** Of `st_dev` or `st_rdev`. */
export function deviceNumber(dev: bigint): DeviceNumber {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  return { major: Number(major & 0xffff_ffffn), minor: Number(minor & 0xffff_ffffn) };
}

export const kernelDevice = ({ major, minor }: DeviceNumber): number => ((major << 20) | minor) >>> 0;
