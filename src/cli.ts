#!/usr/bin/env node
import process from 'node:process';
import { readOldestNode } from './platform/version.ts';

// Checked before anything else is loaded: on an older Node it fails with messages that help nobody,
// and npm only warns.
const { node } = process.versions;
const oldest = readOldestNode();
if (node.localeCompare(oldest, 'en', { numeric: true }) < 0) {
  process.stderr.write(`callkeeper: Node ${oldest} or newer is needed, this is ${node}.\n`);
  process.exitCode = 2;
} else {
  const { main } = await import('./cli/main.ts');
  await main(process.argv.slice(2));
}
