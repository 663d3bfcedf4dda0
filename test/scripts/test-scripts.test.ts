import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

interface Program {
  readonly run: readonly string[];
  readonly tools: readonly string[];
  readonly after: string;
}

interface Scripts {
  readonly PROJECTS: Readonly<Record<string, { readonly in: string[]; readonly script: string }>>;
  readonly TEST_SCRIPTS: Readonly<Record<string, readonly string[]>>;
  projectOf(file: string): string;
  testProgram(script: string, args: readonly string[]): Program;
}

const module = new URL('../../scripts/test-scripts.mjs', import.meta.url).href;
const { PROJECTS, TEST_SCRIPTS, projectOf, testProgram }: Scripts = await import(module);

const FILES = globSync('test/**/*.test.ts').toSorted();
/** Those that run what others run as well. */
const OVER_OTHERS = ['test:all', 'test:watch'];
const projectsOf = ({ run }: Program) =>
  run.filter((arg) => arg.startsWith('--project=')).map((arg) => arg.slice('--project='.length));

describe('the scripts of tests', () => {
  test('run every test file, each by exactly one script', () => {
    const vitest = ['node_modules/vitest/vitest.mjs', 'list', '--filesOnly', '--json'];
    const list = JSON.parse(execFileSync(process.execPath, vitest, { encoding: 'utf8' }));
    const listed = (list as { file: string; projectName: string }[]).map((entry) => ({
      file: entry.file.slice(join(process.cwd(), '/').length),
      project: entry.projectName,
    }));
    expect(listed.map(({ file }) => file).toSorted()).toEqual(FILES);
    for (const { file, project } of listed) {
      expect(projectOf(file.slice('test/'.length)), file).toBe(project);
      const scripts = Object.keys(TEST_SCRIPTS).filter((name) =>
        TEST_SCRIPTS[name]?.includes(project),
      );
      const own = scripts.filter((name) => !OVER_OTHERS.includes(name));
      expect(own, file).toHaveLength(1);
    }
    expect(TEST_SCRIPTS['test:all']).toEqual(Object.keys(PROJECTS));
  });

  test('are those of package.json', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
    const there = Object.keys(scripts).filter((name) => /^test(:|$)/.test(name));
    expect(there.toSorted()).toEqual(Object.keys(TEST_SCRIPTS).toSorted());
  });

  test('are run by CI, all of them', () => {
    const run = readFileSync('.ci/run', 'utf8');
    const there = [...run.matchAll(/^tests \d+ (\S+)$/gm)].map(([, name]) => name ?? '');
    const wanted = Object.keys(TEST_SCRIPTS).filter((name) => !OVER_OTHERS.includes(name));
    expect(there.toSorted()).toEqual(wanted.toSorted());
  });

  test('need no more than redis-server for npm test, which names each other script', () => {
    const { tools, after } = testProgram('test', []);
    expect(tools).toEqual(['redis-server']);
    const last = after.trimEnd().split('\n').slice(1);
    const named = last.map((line) => /npm run (test:\S+) /.exec(line)?.[1]);
    const others = Object.keys(TEST_SCRIPTS).filter((name) => /^test:(?!watch)/.test(name));
    expect(named.slice(1).toSorted()).toEqual(others.toSorted());
  });
});

describe('npm test -- FILE', () => {
  test.each([
    ['test/board/key.test.ts', ['board'], ['redis-server', 'chromium']],
    ['./test/log/log.test.ts', ['parts'], ['redis-server']],
    ['faults/all/clocks', ['faults'], ['redis-server', 'faketime']],
  ])('runs %s alone, with the tools that its project needs', (file, projects, tools) => {
    const program = testProgram('test', ['-t', 'a title', '--coverage', file]);
    expect(projectsOf(program)).toEqual(projects);
    expect(program).toMatchObject({ tools, after: '' });
    expect(testProgram('test', [file]).run).not.toContain('--coverage');
  });

  test('runs what npm test runs if only a title or an option is given', () => {
    for (const args of [['-t', 'board'], ['--bail=1'], ['--maxWorkers', '1']]) {
      expect(projectsOf(testProgram('test', args))).toEqual(TEST_SCRIPTS.test);
    }
  });
});
