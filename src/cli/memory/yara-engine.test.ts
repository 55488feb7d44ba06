import { describe, expect, it } from 'vitest';
import type { Io } from '../io.ts';
import { loadRules } from './yara-engine.ts';

describe('loadRules', () => {
  it('says what is missing, and what to do, where YARA-X is not installed', async () => {
    const io = { workingDirectory: process.cwd() } as Io;
    const loading = loadRules('test/golden/yara/rules.yar', io, '@litko/yara-x-for-nothing');
    await expect(loading).rejects.toMatchObject({
      code: 'YARA_MISSING',
      help: [expect.stringContaining('npm install'), expect.stringContaining('--dump')],
    });
  });
});
