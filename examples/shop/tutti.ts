/**
 * The shop: three services, each in its own process, a pool for invoices, and one gateway. The only file that reads settings.
 * Started by `tutti start`; examples/showcase runs the same app.
 */
import { resolve } from 'node:path';
import { defineApp, readEnv } from 'tutti';
import { z } from 'zod';

/** `NAME=` in a `.env` means: not set. */
const orUnset = <S extends z.ZodType>(schema: S) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional());

const logLevels = {
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  critical: 'error',
} as const;
type LevelName = keyof typeof logLevels;

const seconds = z.coerce.number().min(1).max(3_600);
const settings = readEnv(
  z.object({
    GATEWAY_HOST: orUnset(z.string()).default('127.0.0.1'),
    GATEWAY_PORT: orUnset(z.coerce.number().int().min(0).max(65_535)).default(5_000),
    SERVICE_CHECK_INTERVAL: orUnset(seconds).default(5),
    MAX_RESTART_ATTEMPTS: orUnset(z.coerce.number().int().min(0)).default(3),
    HEARTBEAT_TIMEOUT: orUnset(seconds).default(10),
    DEBUG: orUnset(z.stringbool()).default(false),
    LOG_LEVEL: orUnset(
      z
        .string()
        .toLowerCase()
        .pipe(z.enum(Object.keys(logLevels) as LevelName[])),
    ).default('info'),
    INVOICE_SECRET: orUnset(z.string().min(8)).default('not a secret, for trying out'),
    DATABASE_URL: orUnset(
      z.string().regex(/^(sqlite:.|postgres(ql)?:\/\/.)/, 'expected sqlite:FOLDER or postgres://…'),
    ).default('sqlite:data'),
  }),
);

const heartbeatTimeout = Math.round(settings.HEARTBEAT_TIMEOUT * 1_000);
/** Stale comes well before dead, and several beats fit in before stale. */
const staleAfter = Math.min(3_000, Math.round(heartbeatTimeout * 0.3));
const isLoopback = /^(localhost|::1|127(\.\d{1,3}){3})$/.test(settings.GATEWAY_HOST);

/** SQLite: a file per service, from this folder. PostgreSQL: one database, in it a schema per service. */
const database = (file: string): string => {
  const [kind, folder = ''] = settings.DATABASE_URL.split(/:(.*)/s);
  return kind === 'sqlite' ? `sqlite:${resolve(import.meta.dirname, folder, file)}` : settings.DATABASE_URL;
};

export default defineApp({
  name: 'shop',
  logLevel: settings.DEBUG ? 'debug' : logLevels[settings.LOG_LEVEL],
  restart: { maxRestarts: settings.MAX_RESTART_ATTEMPTS },
  health: {
    checkInterval: Math.round(settings.SERVICE_CHECK_INTERVAL * 1_000),
    heartbeatTimeout,
    staleAfter,
    beat: Math.min(500, Math.round(staleAfter / 4)),
    busyAfter: Math.max(60_000, heartbeatTimeout),
  },
  services: {
    UserService: { module: './services/user-service.ts', config: { database: database('users.db') } },
    OrderService: { module: './services/order-service.ts', config: { database: database('orders.db') } },
    NotificationService: {
      module: './services/notification-service.ts',
      config: { database: database('notifications.db') },
    },
    InvoiceService: {
      module: './services/invoice-service.ts',
      optional: true,
      pool: { size: 1, callLimit: 5_000, recycleAfter: 10_000 },
      config: { secret: settings.INVOICE_SECRET },
    },
  },
  gateways: {
    public: {
      host: settings.GATEWAY_HOST,
      port: settings.GATEWAY_PORT,
      exposed: !isLoopback,
      hooks: './gateway-hooks.ts',
    },
  },
  // Keeps what is announced until it was heard, and the answers to requests with an Idempotency-Key.
  store: {},
});
