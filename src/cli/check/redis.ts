import { durationsFor } from '../../calls/durations.ts';
import type { Config } from '../../config/config.ts';
import { describeAddress } from '../../config/in-force.ts';
import { parseRedisUrl } from '../../store/address.ts';
import { causeOf, type RedisCause } from '../../store/cause.ts';
import { embeddedVersion } from '../../store/embedded.ts';
import { EmbeddedRedisError, findEmbedded } from '../../store/embedded-state.ts';
import { probeRedis, type ServerProbe } from '../../store/redis-probe.ts';
import { evicts, type Info, otherMode, tooOld } from '../../store/supported.ts';
import type { UnsupportedRedis } from '../../store/unsupported.ts';
import { clockFindings } from './clocks.ts';
import { about, type Finding } from './finding.ts';
import { openRedis } from './redis-access.ts';
import { type Service, serviceOf } from './services.ts';

/** A smaller difference of clocks is not reported, in ms. */
const CLOCK_WARN_MS = 1_000;

/** Checks the Redis of REDIS_URL, or the embedded one. Never rejects. */
export async function checkRedis(config: Config): Promise<Finding[]> {
  try {
    const url = config.redisUrl ?? (await findEmbedded(config.dataDir));
    if (url === null) return await checkEmbedded(config.dataDir);
    return await checkServers(url, config);
  } catch (error) {
    return [describeFailure(error, config)];
  }
}

async function checkEmbedded(dataDir: string): Promise<Finding[]> {
  const version = await embeddedVersion();
  const info = new Map([['redis_version', version]]);
  const tooOldRedis = tooOld(info);
  const tell = about('embedded');
  if (tooOldRedis) return [tell.failed('redis', tooOldRedis.what, 'Install a newer redis-server.')];
  return [tell.ok('redis', `redis-server ${version} is installed; its data is in ${dataDir}`)];
}

async function checkServers(url: string, config: Config): Promise<Finding[]> {
  const { skewMs } = durationsFor(config.intervalMs, config.deadlineMs);
  const { connection, token, close } = await openRedis(url, config);
  try {
    if (token?.status === 'failed') return [token];
    const { servers, writeFault, lacksDatabase } = await probeRedis(connection);
    const address = parseRedisUrl(url);
    const service = serviceOf(address, config.redisEntra !== null);
    const world = { isSingle: address.kind === 'single', service, skewMs };
    return [
      ...(token ? [token] : []),
      ...servers.flatMap((server) => serverFindings(server, world)),
      ...(lacksDatabase ? [databaseFinding(service)] : []),
      writesFinding(writeFault),
    ];
  } catch (error) {
    return [...(token ? [token] : []), describeFailure(error, config)];
  } finally {
    await close();
  }
}

interface Circumstances {
  /** The URL says `redis://` or `rediss://`. */
  readonly isSingle: boolean;
  readonly service: Service | null;
  readonly skewMs: number;
}

export function serverFindings(server: ServerProbe, around: Circumstances): Finding[] {
  const { isSingle, service, skewMs } = around;
  const { name, info, clock } = server;
  const tell = about(name);
  const version = info.get('redis_version') ?? 'of an unknown version';
  const orFailed = (
    check: string,
    unsupported: UnsupportedRedis | null,
    fine: string,
    fix?: string,
  ) =>
    unsupported
      ? tell.failed(check, unsupported.what, fix ?? unsupported.fix)
      : tell.ok(check, fine);
  const other = isSingle ? otherMode(info) : null;
  return [
    other
      ? orFailed('redis', other, '', service?.clustering)
      : orFailed('redis', tooOld(info), `Redis ${version}`),
    orFailed('redis.eviction', evicts(info), 'nothing is evicted', service?.eviction),
    persistenceFinding(name, info, service),
    {
      ...clockFindings(
        'redis.clock',
        "Redis's",
        { ...clock, resolutionMs: 1 },
        {
          warnMs: CLOCK_WARN_MS,
          failMs: skewMs,
          consequence: 'a replica here takes no turns',
        },
      ),
      subject: name,
    },
  ];
}

/** https://redis.io/docs/latest/commands/info/ */
function persistenceFinding(name: string, info: Info, service: Service | null): Finding {
  const tell = about(name);
  const check = 'redis.persistence';
  const says = (field: string) => info.get(field);
  if (says('aof_enabled') === '1') {
    if (says('aof_last_write_status') !== 'err') return tell.ok(check, 'append-only file is on');
    return tell.failed(
      check,
      'the last write to the append-only file failed, so Redis takes no writes',
      "Make room on the disk of Redis, and see Redis's log.",
    );
  }
  if (says('aof_enabled') === undefined) {
    const unknown = 'Redis does not say whether it keeps its data on disk';
    return tell.warning(
      check,
      unknown,
      service?.persistence ?? 'Check this where Redis is managed.',
    );
  }
  return tell.warning(
    check,
    'no append-only file: when Redis restarts, it keeps only what the replicas write back',
    service?.persistence ??
      'Turn it on (redis-cli CONFIG SET appendonly yes, and the same in redis.conf).',
  );
}

function databaseFinding(service: Service | null): Finding {
  const whose = service?.name ?? 'this Redis';
  return about(null).warning(
    'redis.database',
    `${whose} has no database of that number: Callkeeper uses database 0`,
    'Remove the number after the last / of REDIS_URL.',
  );
}

function writesFinding(fault: RedisCause | null): Finding {
  const tell = about(null);
  if (fault === null) return tell.ok('redis.writes', 'Redis takes writes');
  return tell.failed('redis.writes', `Redis takes no writes: ${fault.what}`, fault.fix);
}

function describeFailure(error: unknown, { redisUrl, dataDir }: Config): Finding {
  if (error instanceof EmbeddedRedisError) {
    return about('embedded').failed('redis', 'there is no redis-server here', error.message);
  }
  const tell = about(redisUrl === null ? dataDir : describeAddress(redisUrl));
  const cause = causeOf(error);
  if (cause) return tell.failed('redis', cause.what, cause.fix);
  const message = (error as Error).message || String((error as NodeJS.ErrnoException).code);
  return tell.failed('redis', `Redis does not serve: ${message}`, "See Redis's log.");
}
