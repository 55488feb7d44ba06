/** What an emulated machine says of its work: /report.json in what it leaves. */

/** A command, as it ended. */
export interface Step {
  readonly argv: readonly string[];
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

/** A capture that was killed. */
export interface Kill {
  /** Since its start. */
  readonly seconds: number;
  /** Whether the container stood when it was killed. */
  readonly wasFrozen: boolean;
  /** From the kill until the container ran; undefined where it never did. */
  readonly secondsToThaw: number | undefined;
  /** In the folder that the archive was to be written to. */
  readonly left: readonly string[];
}

export interface Report {
  readonly kernel: string;
  readonly nodeVersion: string;
  readonly architecture: string;
  /** Lines of /proc/mounts. */
  readonly cgroupMounts: string;
  readonly steps: Readonly<Record<string, Step>>;
  readonly kills: readonly Kill[];
  /** Programs that were captured and killed at, and still run at the end. */
  readonly running: readonly string[];
}
