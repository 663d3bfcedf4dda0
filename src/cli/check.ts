import { durationsFor } from '../calls/durations.ts';
import { type Config, ConfigError, readConfig } from '../config/config.ts';
import { readEnvironment } from '../config/environment.ts';
import { cloudWarnings, describeSettings } from '../config/in-force.ts';
import { Prober } from '../graph/probe.ts';
import { logConsole } from '../log/library-warnings.ts';
import { withoutSecrets } from '../log/secrets.ts';
import { isOnPath } from '../platform/processes.ts';
import { readVersion } from '../platform/version.ts';
import { about, type Finding } from './check/finding.ts';
import { checkApp } from './check/microsoft.ts';
import { checkRedis } from './check/redis.ts';
import { command } from './command.ts';
import { EXIT } from './exit.ts';
import { paint, printable, printableJson } from './printable.ts';

export const run = command({
  usage: `Usage: callkeeper check [options]

Checks whether a replica would work here: reads the environment and .env as serve does, and
sends requests to Redis, Entra and Graph. It touches no call: it asks Graph for a call that
does not exist. It ends within a minute.

  --environment   only reads the environment and the files that it names
  --json          { "ok", "findings": [{ "check", "subject", "status", "detail", "fix" }] }
  --strict        a warning counts as a failure
  --help          this text

Exit codes: 0 nothing failed, 1 something failed, 2 the environment is not usable.
`,
  options: {
    environment: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
  },
  async run({ environment, json, strict }) {
    logConsole({ warn: () => undefined }); // findings say what is wrong
    const findings: Finding[] = [];
    let exit: number = EXIT.done;
    try {
      const { env, faults, warnings: found } = readEnvironment();
      const warnings = found.map(asWarning);
      const config = readConfig(env, () => !environment || isOnPath('redis-server'), faults);
      const clouds = cloudWarnings(config).map(asWarning);
      const about = [describeConfig(config), ...warnings, ...clouds];
      for await (const found of environment ? [about] : look(config, about)) {
        const some: Finding[] = JSON.parse(withoutSecrets(JSON.stringify(found)));
        findings.push(...some);
        if (!json) process.stdout.write(some.map(describe).join(''));
      }
      if (findings.some(({ status }) => status === 'failed' || (strict && status !== 'ok'))) {
        exit = EXIT.failed;
      }
    } catch (error) {
      if (!json || !(error instanceof ConfigError)) throw error;
      findings.push(...error.faults.map(asFinding));
      exit = EXIT.usage;
    }
    if (json) process.stdout.write(`${printableJson({ ok: exit === EXIT.done, findings }, 2)}\n`);
    return exit;
  },
});

const CORRECT = 'Correct the environment: see docs/configuration.md.';

async function* look(config: Config, about: Finding[]): AsyncGenerator<Finding[]> {
  const { graph: timeouts, skewMs } = durationsFor(config.intervalMs, config.deadlineMs);
  const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
  const userAgent = `callkeeper/${readVersion()}`;
  const connections = config.graphConnections;
  const prober = new Prober({ connections, timeouts, proxy: config.proxy, clock, userAgent });
  const looks = [checkRedis(config), ...config.apps.map((app) => checkApp(app, prober, skewMs))];
  yield about;
  for (const one of looks) yield await one;
  await prober.close();
}

function describeConfig(config: Config): Finding {
  return about(null).ok('configuration', describeSettings(config));
}

function asWarning(fault: string): Finding {
  return about(null).warning('configuration', fault, CORRECT);
}

function asFinding(fault: string): Finding {
  return about(null).failed('configuration', fault, CORRECT);
}

const STYLES = { ok: 'green', warning: 'yellow', failed: 'red' } as const;

function describe({ check, subject, status, detail, fix }: Finding): string {
  const what = subject === null ? check : `${check} (${subject})`;
  const line = `${paint(STYLES[status], status.padEnd(8))} ${printable(`${what}: ${detail}`)}\n`;
  return fix === null ? line : `${line}         → ${printable(fix)}\n`;
}
