import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const hooks = new URL('./own-imports.ts', import.meta.url).href;

test('project files anywhere get the program’s own slipway and zod, also below a node_modules folder', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-own-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const folder of [join(root, 'project'), join(root, 'node_modules/slipway/examples/flights')]) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'part.ts'), 'export const word: string = "part";\n');
    writeFileSync(
      join(folder, 'pipeline.ts'),
      "import { pipeline } from 'slipway';\nimport { z } from 'zod';\nimport { word } from './part.ts';\n" +
        'const seen: readonly string[] = [typeof pipeline, typeof z.string, word];\nconsole.log(seen.join());\n',
    );
    const file = pathToFileURL(join(folder, 'pipeline.ts')).href;
    const code = `const { resolveOwnImports } = await import('${hooks}'); resolveOwnImports(); await import('${file}');`;
    const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', code], { cwd: root });
    assert.deepEqual({ stdout, stderr }, { stdout: 'function,function,part\n', stderr: '' });
  }
});
