// Holds docker-compose.yml and .env.example against the variables of the daemon: the example has
// all of them, and compose passes all of .env on.
import { parse } from 'yaml';
import { isVariable, read, VARIABLES } from './facts.mjs';

/** Of the command line, not of the daemon. */
const OF_COMMANDS = /^CALLKEEPER_/;
/** Not of src/config.ts: Node's own, and what docker-compose.yml makes REDIS_URL of. */
const OTHERS = new Set(['NODE_EXTRA_CA_CERTS', 'REDIS_PASSWORD']);
const faults = [];

const example = read('.env.example');
const named = [...example.matchAll(/^(?:# )?([A-Z][A-Z_]+)=/gm)].map(([, name]) => name);
for (const name of named) {
  if (!isVariable(name) && !OTHERS.has(name)) {
    faults.push(`.env.example: ${name} is no variable of src/config.ts`);
  }
}
for (const name of VARIABLES.keys()) {
  const isThere = named.includes(name) || named.includes(`${name}_FILE`);
  if (!isThere && !OF_COMMANDS.test(name)) faults.push(`.env.example: ${name} is missing`);
}

const text = read('docker-compose.yml');
const { services } = parse(text, { merge: true });
for (const service of ['environment', 'callkeeper']) {
  const { env_file: file, environment } = services[service];
  if (file !== '.env') faults.push(`docker-compose.yml: ${service} does not get all of .env`);
  for (const [name, value] of Object.entries(environment)) checkSet(service, name, value);
}
for (const [, name] of text.matchAll(/\$\{([A-Z_]+)/g)) {
  if (!named.includes(name)) faults.push(`docker-compose.yml: ${name} is not in .env.example`);
}
// What else is always needed depends on the rest of .env: the daemon says so itself.
for (const [, name] of text.matchAll(/\$\{([A-Z_]+):\?/g)) {
  if (name !== 'REDIS_PASSWORD') faults.push(`docker-compose.yml: demands ${name}`);
}

if (faults.length > 0) {
  process.stderr.write(`${faults.join('\n')}\n`);
  process.exitCode = 1;
}

/** A value in `environment` hides the one in .env, so the example has to say that it does. */
function checkSet(service, name, value) {
  if (!isVariable(name)) {
    faults.push(`docker-compose.yml: ${service} sets ${name}, no variable of src/config.ts`);
  } else if (
    !value.startsWith(`\${${name}-`) &&
    !value.startsWith(`\${${name}:-`) &&
    !saysThatComposeSets(name)
  ) {
    faults.push(`.env.example: does not say above ${name} that docker compose sets it`);
  }
}

/** In the comment above the variable, or above the variables right before it. */
function saysThatComposeSets(name) {
  const lines = example.split('\n');
  let at = lines.findIndex((line) => line.startsWith(`# ${name}=`));
  while (at > 0 && /^# [A-Z_]+=/.test(lines[at])) at -= 1;
  return /docker compose sets/.test(lines[at] ?? '');
}
