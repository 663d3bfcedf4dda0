// Checks docker-compose.yml against the table of variables: compose passes on all of .env, and the
// table says which variables compose sets itself. configuration.mjs makes .env.example from the
// table.
import { parse } from 'yaml';
import { VARIABLES } from '../src/config/table.ts';
import { read } from './facts.mjs';

const faults = [];

const text = read('docker-compose.yml');
const { services } = parse(text, { merge: true });
for (const service of ['environment', 'callkeeper']) {
  const { env_file: file, environment } = services[service];
  if (file !== '.env') faults.push(`docker-compose.yml: ${service} does not get all of .env`);
  for (const [name, value] of Object.entries(environment)) checkSet(service, name, value);
  for (const [name, { composeSets }] of VARIABLES) {
    if (composeSets && !Object.hasOwn(environment, name)) {
      faults.push(`docker-compose.yml: ${service} does not set ${name}`);
    }
  }
}
for (const [, name] of text.matchAll(/\$\{([A-Z_]+)/g)) {
  if (!VARIABLES.has(name))
    faults.push(`docker-compose.yml: ${name} is not in src/config/table.ts`);
}
// Compose itself may require only REDIS_PASSWORD. Whether any other variable is required depends on
// the rest of .env, so the daemon checks that.
for (const [, name] of text.matchAll(/\$\{([A-Z_]+):\?/g)) {
  if (name !== 'REDIS_PASSWORD') faults.push(`docker-compose.yml: demands ${name}`);
}

if (faults.length > 0) {
  process.stderr.write(`${faults.join('\n')}\n`);
  process.exitCode = 1;
}

/** A value in `environment` overrides .env, so .env.example has to say so. */
function checkSet(service, name, value) {
  const isDefault = value.startsWith(`\${${name}-`) || value.startsWith(`\${${name}:-`);
  if (!VARIABLES.has(name)) {
    faults.push(`docker-compose.yml: ${service} sets ${name}, which is not in src/config/table.ts`);
  } else if (!isDefault && !VARIABLES.get(name).composeSets) {
    faults.push(`src/config/table.ts: does not say that docker-compose.yml sets ${name}`);
  }
}
