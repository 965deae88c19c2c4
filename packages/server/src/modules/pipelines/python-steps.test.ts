/** Steps that are Python programs: what they are given, what makes them run again, and what is said when they fail. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { logFile } from './step-task.ts';
import { onBoth } from './testing.ts';

const hasPython = spawnSync('python3', ['-c', '']).status === 0;
const onBothWithPython: typeof onBoth = (name, run) => {
  onBoth(name, run, { lacks: hasPython ? undefined : 'no python3 is on the PATH' });
};

const declared = (options = '') => `
import { artifact, parameter, pipeline, pythonStep } from 'slipway';
import { z } from 'zod';
const learn = pythonStep({
  id: 'learn',
  module: 'learn',
  args: ['{word}', '{out:text}'],
  inputs: { word: parameter(z.string()) },
  outputs: { text: artifact.file() },
  ${options}
});
export default pipeline({ id: 'py', params: { word: parameter(z.string().default('ada')) } }, (p, run) => {
  run(learn, { word: p.word });
});
`;

const script = (mark: string) => `
import os, pathlib, sys
from words import greeting
word, out = sys.argv[1:]
pathlib.Path(out).write_text(greeting + word + '${mark}')
assert os.environ['MLFLOW_RUN_ID'] and os.environ['MLFLOW_TRACKING_URI']
print('run by', sys.executable)
`;
const words = (text: string) => `greeting = '${text} '\n`;

onBothWithPython(
  'a changed script, or a module that it imports, runs again; other files do not count',
  async (bench) => {
    const server = bench.start();
    const reasonOf = async (files: Record<string, string>): Promise<string> => {
      await bench.declare({ 'pipeline.ts': declared(), 'learn.py': script('.'), 'words.py': words('hello'), ...files });
      const { id } = await server.pipelines.start('py', { params: {}, actor: 'owner' });
      const done = await bench.ended(server, id);
      assert.equal(done.state, 'succeeded', JSON.stringify(done.steps, null, 1));
      return done.steps[0]?.reason ?? '';
    };
    assert.match(await reasonOf({}), /^ran: first time/);
    assert.match(await reasonOf({ 'README.md': 'other words' }), /^reused/);
    assert.match(await reasonOf({ 'learn.py': script('!') }), /^ran: .*code/);
    assert.match(await reasonOf({ 'words.py': words('good day') }), /^ran: .*code/);
    assert.match(await reasonOf({ 'requirements.txt': 'numpy==2.0\n' }), /^ran: .*code/);
    assert.match(await reasonOf({}), /^reused/);
  },
);

const failing: readonly { readonly name: string; readonly files: Record<string, string>; readonly says: RegExp }[] = [
  {
    name: 'a script that raises shows its traceback and its exit code',
    files: { 'learn.py': `def far():\n    raise ValueError('no rows of class 7')\nfar()\n` },
    says: /ended with exit code 1; it last printed:[\s\S]*Traceback[\s\S]*learn\.py", line 2, in far[\s\S]*ValueError: no rows of class 7/,
  },
  {
    name: 'a script that leaves says why',
    files: { 'learn.py': `import sys\nsys.exit('python has no module sklearn')\n` },
    says: /exit code 1; it last printed:\npython has no module sklearn$/,
  },
  {
    name: 'a script that ends well and leaves no file',
    files: { 'learn.py': `print('nothing to do')\n` },
    says: /"text".*the program ended well, but left no file at the path that \{out:text\} stood for/,
  },
  {
    name: 'an interpreter that is not there',
    files: { 'pipeline.ts': declared(`python: '/nowhere/python3.99',`), 'learn.py': '' },
    says: /^there is no Python "\/nowhere\/python3\.99" on the server's machine\. .*SLIPWAY_PYTHON/,
  },
];

onBothWithPython('a failure says what the program printed, and what to do', async (bench) => {
  const server = bench.start();
  for (const { name, files, says } of failing) {
    await bench.declare({ 'pipeline.ts': declared(), 'words.py': words('hello'), ...files });
    const { id } = await server.pipelines.start('py', { params: {}, actor: 'owner' });
    const done = await bench.ended(server, id);
    assert.equal(done.state, 'failed', name);
    assert.match(done.steps[0]?.problem ?? '', says, name);
  }
});

onBothWithPython(
  'a script that logs nothing is told so in its log, and the project is not written to',
  async (bench) => {
    await bench.declare({ 'pipeline.ts': declared(), 'learn.py': script('.'), 'words.py': words('hello') });
    const server = bench.start({ isBare: true });
    const { id } = await server.pipelines.start('py', { params: {}, actor: 'owner' });
    const done = await bench.ended(server, id);
    assert.equal(done.state, 'succeeded', done.steps[0]?.problem);
    const log = readFileSync(join(server.pipelines.attemptFolder(id, 'learn', 1), logFile), 'utf8');
    assert.match(log, /^run by [^\n]+\nslipway: this script logged no param and no metric\. mlflow\.start_run\(\)/);
    assert.deepEqual(globSync('**/__pycache__', { cwd: bench.folder }), []);
  },
);
