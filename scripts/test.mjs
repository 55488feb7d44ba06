// `npm test`: installs, builds, checks, runs the fast tests, mutated inputs and the real-node tests.
// With CI=true a test that this machine cannot run is a failure; elsewhere it is named with its reason.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensureBuilt, ensureInstalled, root } from './prepare.mjs';

const isCi = process.env.CI === 'true';

/** Why the real node cannot run here, or undefined when it can. */
function nodeObstacle() {
  if (process.platform !== 'linux') return `they need Linux, this is ${process.platform}`;
  if (process.getuid() !== 0) return 'they need root, to make namespaces and run a kubelet';
  if (!existsSync('/etc/debian_version')) return 'they need Debian or a relative of it, for its packages';
  if (spawnSync('go', ['version']).status !== 0)
    return 'they need Go, to build the kubelet and the API server';
  return undefined;
}

function runVitest(config, reports) {
  const report = path.join(reports, `${config}.json`);
  const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
  const args = [
    vitest,
    'run',
    '--config',
    config,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 };
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  // A file that fails to load, or an error outside a test, has no failed test of its own.
  const failed = status !== 0 && numFailedTests === 0 ? 1 : numFailedTests;
  return { passed: numPassedTests, failed, skipped: numPendingTests + numTodoTests };
}

function runSuites() {
  const reports = mkdtempSync(path.join(tmpdir(), 'exhibit-test-'));
  try {
    const runs = [runVitest('vitest.config.ts', reports), runVitest('vitest.fuzz.config.ts', reports)];
    const obstacle = nodeObstacle();
    if (obstacle === undefined) runs.push(runVitest('vitest.node.config.ts', reports));
    else {
      console.log(`\nSkipped: the real-node tests (test/node): ${obstacle}.`);
      runs.push({ passed: 0, failed: 0, skipped: 1 });
    }
    return runs.reduce((sum, run) => ({
      passed: sum.passed + run.passed,
      failed: sum.failed + run.failed,
      skipped: sum.skipped + run.skipped,
    }));
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
}

await ensureInstalled();
await ensureBuilt();
const { check } = await import('./check.mjs');
const isClean = await check();
const { passed, failed, skipped } = runSuites();
if (!isClean) console.log('\nThe checks above failed.');
if (isCi && skipped > 0) console.log('\nA skipped test is a failure under CI=true.');
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = isClean && failed === 0 && passed > 0 && !(isCi && skipped > 0) ? 0 : 1;
