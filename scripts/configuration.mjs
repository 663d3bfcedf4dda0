// `npm run configuration` writes docs/configuration.md and .env.example from the table of the
// variables, and config/*.schema.json from the schemas of the files; with --check it says whether
// they are current.
import { writeFileSync } from 'node:fs';
import { ACCESS_SCHEMA } from '../src/config/access-schema.ts';
import { APPS_SCHEMA } from '../src/config/apps-schema.ts';
import { GROUPS } from '../src/config/table.ts';
import { defaultOf, plainText, wrap } from '../src/config/variables-help.ts';
import { read } from './facts.mjs';

/** File, what it is made from, and its text. */
const FILES = [
  ['docs/configuration.md', 'src/config/table.ts', page()],
  ['.env.example', 'src/config/table.ts', example()],
  ['config/apps.schema.json', 'src/config/apps-schema.ts', json(APPS_SCHEMA)],
  ['config/access.schema.json', 'src/config/access-schema.ts', json(ACCESS_SCHEMA)],
];
const isCheck = process.argv.includes('--check');

for (const [file, source, text] of FILES) {
  if (!isCheck) writeFileSync(new URL(`../${file}`, import.meta.url), text);
  else if (read(file) !== text) {
    process.stderr.write(`${file} does not match ${source}: run npm run configuration\n`);
    process.exitCode = 1;
  }
}

/** Puts what people read before the rules. */
function json({ $schema, title, description, ...rules }) {
  return `${JSON.stringify({ $schema, title, description, ...rules }, null, 2)}\n`;
}

function page() {
  const secrets = GROUPS.flatMap(({ variables }) =>
    Object.entries(variables)
      .filter(([, { secret }]) => secret)
      .map(([name]) => `\`${name}_FILE\``),
  );
  const intro = `<!-- Generated from src/config/table.ts by \`npm run configuration\`. Change the table instead. -->
# Configuration

A replica reads its settings from the environment, and from \`.env\` in its working directory. A variable of the
environment wins over one of \`.env\`. An empty variable counts as unset. \`callkeeper serve --help\` prints this
reference, and \`callkeeper check\` tests what you have set.

If a value is invalid, the replica lists all faults and exits with code 2. It never prints a secret. It warns about
a variable in \`.env\` that it does not know, and about a variable of the environment whose name looks like a misspelling
of one below.

Durations are written \`500ms\`, \`5s\`, \`15m\` or \`1h\`.

**Secrets.** Instead of a secret you can give the path of a file with the secret:
${list(secrets)}.
`;
  return [intro, ...GROUPS.map(section)].join('\n');
}

function list(items) {
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

function section({ title, intro, variables }) {
  const rows = Object.entries(variables).map(
    ([name, row]) => `| \`${name}\` | ${defaultOf(row)} | ${row.sentence} |`,
  );
  const table = ['| variable | default | meaning |', '|---|---|---|', ...rows].join('\n');
  return `## ${title}\n\n${intro ? `${intro}\n\n` : ''}${table}\n`;
}

function example() {
  const intro = [
    '# Copy to .env and fill in. `npm start` and `docker compose` read it. To try Callkeeper without',
    '# Microsoft, run `npm run simulator`, which prints what to put here. Put a value that holds a',
    '# space, a # or a $ in single quotes. For docker compose, put the files that are named here into',
    '# secrets/, which it mounts at /etc/callkeeper. Each secret X may be given as a file, by X_FILE.',
  ].join('\n');
  return `${[intro, ...GROUPS.map(exampleSection)].join('\n\n')}\n`;
}

function exampleSection({ title, intro, variables }) {
  const rows = Object.entries(variables).flatMap(([name, row]) => [
    ...comment(row),
    `${row.toFillIn ? '' : '# '}${name}=${row.example ?? row.default ?? ''}`,
  ]);
  const head = intro ? [...wrap(plainText(intro), 97).map((line) => `# ${line}`), '#'] : [];
  return [`# --- ${title} ---`, ...head, ...rows].join('\n');
}

function comment({ sentence, composeSets }) {
  const text = composeSets ? `${sentence} docker compose sets it.` : sentence;
  return wrap(plainText(text), 97).map((line) => `# ${line}`);
}
