/**
 * Every bound of every queue, buffer and table, in one place. Bytes, milliseconds or counts, as the name says.
 * What happens beyond each stands beside it; `docs/reference/bounds.md` is checked against this table.
 */

const KiB = 1_024;
const MiB = 1_024 * KiB;

export const bounds = {
  /** Mesh frame, head included. Beyond: the connection is closed, counted. */
  frameBytes: 16 * MiB,
  /** Frame on the control socket and on an instance's fd 3. Beyond: the connection is closed, counted. */
  controlFrameBytes: 1 * MiB,
  /** Frame between keeper and supervisor; the welcome carries all memos. Beyond: closed, the supervisor is replaced. */
  keeperFrameBytes: 16 * MiB,
  /** A frame is taken while less than this waits on its connection. Beyond: `OVERLOADED` at once. */
  outgoingBytes: 8 * MiB,
  /** Calls of one process to one service that are under way. Beyond: `OVERLOADED` at once. */
  callsToService: 4_096,
  /** What one instance tells the supervisor of whom it does not ask. Beyond: the rest is told when there is room. */
  avoidedTold: 32,
  /** What the supervisor keeps of that, of all instances. Beyond: not shown. */
  avoidedKept: 1_000,
  /** Events in ten seconds about who is not asked by whom. Beyond: counted, said by the next one. */
  avoidedEvents: 20,
  /** Calls of one action that run at once. Beyond: they wait. */
  actionConcurrency: 100,
  /** Calls of one action that wait. Beyond: `OVERLOADED` at once. */
  actionQueue: 1_000,
  /** How long a call may wait at the callee. Beyond: `OVERLOADED`, at once where the pace of the calls before it tells. */
  actionQueueMs: 1_000,
  /** Input of all calls of one action that wait. Beyond: `OVERLOADED` at once. */
  actionQueueBytes: 64 * MiB,
  /** Calls of one process that wait for a place in a pool. Beyond: `OVERLOADED` at once. */
  poolQueue: 1_000,
  /** Their bytes. Beyond: `OVERLOADED` at once. */
  poolQueueBytes: 64 * MiB,
  /** How long a place in a pool is kept for a caller that was told of it. Beyond: it is given on. */
  poolPlaceMs: 100,
  /** How long a call in a pool may go on when nobody waits for its answer any more. Beyond: its process is killed. */
  poolUnwantedMs: 1_000,
  /** Events of one subscription that run or wait. Beyond: the newest is dropped, counted. */
  eventQueue: 1_000,
  /** What a stream's sender may have sent that its reader has not consumed, each way. Beyond: the sender waits. */
  streamWindowBytes: 1 * MiB,
  /** One item of a stream, head included; half a window. Beyond: `PAYLOAD_TOO_LARGE`. */
  streamItemBytes: 512 * KiB,
  /** Items of streams are taken while less than this waits on their connection: calls pass in between. Beyond: the sender waits. */
  streamLinkBytes: 1 * MiB,
  /** How long a stream waits for the other side: an item, or credit for one. Beyond: `STREAM_SILENT`. */
  streamSilenceMs: 60_000,
  /** A stream on which nothing has moved for this long is ended when its instance stops; `STOPPING`. */
  streamQuietMs: 1_000,
  /** Messages of one end of a channel that the other side has not taken, those that wait to be sent included. Beyond: `OVERLOADED` at once. */
  channelMessages: 1_000,
  /** Their bytes. Beyond: `OVERLOADED` at once. */
  channelBytes: 8 * MiB,
  /** Longest wait between two tries to open a channel again. */
  channelRestMs: 2_000,
  /** Metadata that travels with a call. Beyond: `INVALID_INPUT`. */
  metadataBytes: 4 * KiB,
  /** Name of the user or tenant a call is made for. Beyond: `INVALID_INPUT`. */
  identityChars: 256,
  /** Hello of a connection that nobody knows yet. Beyond: the connection is closed, counted. */
  helloBytes: 256 * KiB,
  /** Nesting of a JSON body between processes; more than any `JSON.stringify` can write. Beyond: the connection is closed. */
  meshJsonDepth: 8_000,
  /** From connect to hello. Beyond: the connection is closed. */
  helloMs: 2_000,
  /** Connections that have not said hello. Beyond: the newest is closed. */
  strangers: 64,
  /** Default deadline of a call. */
  callMs: 5_000,
  /** How long the store is asked, whoever owns it meanwhile. Beyond: `STORE_UNREACHABLE`. */
  storeMs: 10_000,
  /** An answer that is kept for its Idempotency-Key, in base64. Beyond: who asks again hears that it is not kept. */
  keptAnswerBytes: 900 * KiB,
  /** How long it is kept. */
  keptAnswerMs: 86_400_000,
  /** Events that one service has still to get. Beyond: `OVERLOADED` for who emits or replays. */
  owedEvents: 1_000_000,
  /** Of them, those that are held in memory, and as many behind their keys. Beyond: they are read when there is room. */
  heldEvents: 1_000,
  /** Payload and context of one that is held, in characters. Beyond: they are read when it is delivered. */
  heldEventChars: 16_384,
  /** How far a service is looked ahead of the oldest event that it has still to get, in numbers. Beyond: what it has not got by then is written down one by one. */
  eventsAhead: 2_000,
  /** Read, or owed again, at a time. */
  eventPage: 250,
  /** Of those that are kept, gone through at a time, to count or to find some. */
  eventScan: 5_000,
  /** Payloads that are read at a time, in characters. Beyond: the next ones are asked for. */
  eventReadSize: 1 * MiB,
  /** Deliveries to one service that are under way. Beyond: they wait. */
  deliveriesAtOnce: 1_000,
  /** Payload and context of an event that is kept. Beyond: `PAYLOAD_TOO_LARGE`. */
  keptEventBytes: 1 * MiB,
  /** How long an event is kept that nobody has still to get. */
  keptEventMs: 7 * 86_400_000,
  /** What is kept of why an event was given up, in characters. */
  deadEventError: 2_000,
  /** Longest deadline a client of the gateway may ask for. */
  httpDeadlineMs: 60_000,
  /** Head of a request. Beyond: `HEAD_TOO_LARGE`. */
  httpHeadBytes: 16 * KiB,
  /** Body of a request, unless the gateway or the route says otherwise. Beyond: `PAYLOAD_TOO_LARGE`. */
  httpBodyBytes: 1 * MiB,
  /** Streams of one gateway process that are open. Beyond: `OVERLOADED`. */
  httpStreams: 1_000,
  /** How long a reader of a stream, or of an answer, may not take what was sent. Beyond: its connection is closed, counted. */
  httpStallMs: 30_000,
  /** How quickly an answer is to be read, in a second, besides the time above. Slower: its connection is closed, counted. */
  httpReadBytes: 256 * KiB,
  /** Answers of one gateway process that were written and not yet read, each in full. Beyond: the connection of the oldest is closed, counted. */
  httpUnreadBytes: 64 * MiB,
  /** On a stream to which nothing was written for this long something is, so that nobody between takes it for dead. */
  httpHeartbeatMs: 15_000,
  /** Messages of a WebSocket that wait for the handler. Beyond: it is not read from. */
  webSocketMessages: 16,
  /** Open connections of one gateway process, unless its `maxConnections` says otherwise. Beyond: the newest is closed. */
  httpConnections: 10_000,
  /** How long a client may go on after the last answer of its connection. Beyond: the connection is cut. */
  httpLingerMs: 1_000,
  /** Nesting of a request's JSON. Beyond: `BAD_REQUEST`. */
  jsonDepth: 64,
  /** Keys of one object in a request's JSON. Beyond: `BAD_REQUEST`. */
  jsonKeys: 1_000,
  /** Not yet consumed output of an instance, per file. Beyond: the oldest is cut, counted. */
  spoolBytes: 64 * MiB,
  /** One log line. Beyond: split, marked. */
  logLineBytes: 64 * KiB,
  /** Log lines the supervisor remembers. Beyond: the oldest is dropped. */
  logLines: 10_000,
  /** Characters of the log lines the supervisor remembers. Beyond: the oldest is dropped. */
  logChars: 16 * MiB,
  /** Lines of one trace that are joined to one; their characters are bounded as those of a line. Beyond: a new line begins. */
  logJoinedLines: 256,
  /** What waits to be written to the log file. Beyond: the newest lines are dropped, counted. */
  logFileBytes: 8 * MiB,
  /** Of the log file, what is read at start to tell which lines it has already. */
  logFileTailBytes: 8 * MiB,
  /** What waits for the reader of the supervisor's stdout. Beyond: the newest lines are dropped, counted. */
  stdoutBytes: 8 * MiB,
  /** Events the supervisor remembers, and of each of the two files on disk. Beyond: the oldest is dropped, a reader is told. */
  events: 10_000,
  /** What waits for one reader of an admin stream. Beyond: the reader is cut off. */
  adminStreamBytes: 8 * MiB,
  /** Series of one metric. Beyond: `other`. */
  metricSeries: 2_000,
  /** Error codes counted per action. Beyond: `other`. */
  actionEnds: 100,
  /** Names of shared counters and gauges of one app. Beyond: `OVERLOADED`. */
  sharedNames: 4_096,
  /** Instances of one app. Beyond: refused with a sentence. */
  instances: 1_024,
  /** Files of a project that `tutti dev` watches. Beyond: a change of the rest is not noticed. */
  devFiles: 10_000,
  /** The throw-away process that reads the service modules. Beyond: killed, said. */
  manifestMs: 10_000,
  /** What the keeper remembers of one slot. Beyond: refused. */
  memoBytes: 4 * KiB,
  /** What the keeper remembers of the app: its file as data, its manifest. Beyond: refused. */
  appMemoBytes: 1 * MiB,
  /** Locks of an app that are held. Beyond: `OVERLOADED`. */
  locks: 1_000,
  /** Those in all instances that wait for locks. Beyond: `OVERLOADED`. */
  lockWaiters: 1_000,
  /** Mutations of one store that wait for their commit. Beyond: `OVERLOADED` at once. */
  storeWaiting: 10_000,
  /** Their input. Beyond: `OVERLOADED` at once. */
  storeWaitingBytes: 64 * MiB,
  /** Mutations in one commit. Beyond: the next one. */
  storeCommit: 1_000,
  /** Input of the mutations in one commit. Beyond: the next one. */
  storeCommitBytes: 16 * MiB,
  /** The log of what is not yet in the store's main file, as SQLite keeps it. Beyond: it is written there before the next commit is answered. */
  storeLogBytes: 8 * MiB,
  /** The same log where that is not possible. Beyond: `STORE_FULL`. */
  storeLogLimitBytes: 64 * MiB,
  /** What small commits of a store have written since SQLite's last one. Beyond: SQLite commits before the next one is answered. */
  storeRedoBytes: 1 * MiB,
  /** The same of one commit, at most three times as many bytes as characters. Beyond: SQLite commits at once. */
  storeRedoRecordBytes: 96 * KiB,
  /** For how long a power cut may undo what nobody waits for, such as that an event was handled. Then it is synced. */
  storePatienceMs: 50,
  /** How often a store looks for what has expired, and whether it is idle. */
  storeTidyMs: 5_000,
  /** Rows of one area that are removed in one commit because they have expired. Beyond: the next one. */
  storeTidyRows: 500,
  /** How long a store knows an operation, and what it answered. */
  storeOperationMs: 600_000,
  /** Operations that a store knows. Beyond: the oldest are forgotten before their time, counted. */
  storeOperations: 1_000_000,
  /** Their answers. Beyond: the oldest are forgotten before their time, counted. */
  storeOperationBytes: 256 * MiB,
  /** Answer to one operation. Beyond: `PAYLOAD_TOO_LARGE`, and nothing is changed. */
  storeAnswerBytes: 8 * MiB,
  /** Processes whose last operation a store keeps in mind, so that a new one is not looked for. Beyond: it is looked for. */
  storeClients: 10_000,
  /** What a store keeps of its file in memory. Beyond: it is read again. */
  storeCacheBytes: 8 * MiB,
  /** Statements that a store keeps prepared. Beyond: prepared at each use. */
  storeStatements: 1_000,
  /** What a check of a store tells of what it found. Beyond: counted. */
  storeProblems: 100,
  /** How long a store that is kept elsewhere belongs to an owner that is not heard of. */
  storeLeaseMs: 15_000,
  /** How long the owner of a store tries to reach what keeps it before it is opened. Beyond: it ends, and is started again. */
  storeOpenMs: 5_000,
  /** How long a store that ends waits for whoever keeps it. Beyond: its last commit may be kept, or not. */
  storeCloseMs: 5_000,
  /** What is kept elsewhere of commits since the last copy, however small the copy. Beyond, and beyond the size of the copy: there is a new one. */
  storeRecordsBytes: 4 * MiB,
  /** The same, when no copy can be made. Beyond: `STORE_FULL`. */
  storeRecordsLimitBytes: 1_024 * MiB,
  /** A copy of a store goes elsewhere in parts of that size. */
  storePartBytes: 1 * MiB,
  /** Pages of a store that are copied before others have their turn. */
  storeCopyPages: 256,
  /** How often a copy of a store is begun when each time a commit is under way. Beyond: `STORE_UNREACHABLE`. */
  storeCopyTries: 100,
  /** Input and context of a job. Beyond: `PAYLOAD_TOO_LARGE`. */
  jobInputBytes: 1 * MiB,
  /** What a job gives. Beyond: it fails, and is not tried again. */
  jobResultBytes: 1 * MiB,
  /** What a job last said of how far it is. Beyond: `PAYLOAD_TOO_LARGE`. */
  jobProgressBytes: 16 * KiB,
  /** Characters of one line in the log of a job. Beyond: cut. */
  jobLogChars: 2_000,
  /** Lines in the log of a job. Beyond: the oldest is dropped. */
  jobLogLines: 100,
  /** What is kept of why a job failed, in characters. */
  jobError: 4_000,
  /** Characters of a name that a user gives a job, a schedule or what is deduplicated. Beyond: `INVALID_INPUT`. */
  jobIdChars: 255,
  /** Jobs of one `addMany`. Beyond: `INVALID_INPUT`. */
  jobsPerAdd: 10_000,
  /** Jobs or events that one handler adds in one turn, and that go to the store together. Beyond: the next change. */
  batchItems: 250,
  /** The same, in characters. */
  batchChars: 1 * MiB,
  /** Jobs that one change of the store touches when it is about many. Beyond: the next change. */
  jobPage: 250,
  /** Jobs of one queue that are not at their end. Beyond: `OVERLOADED` for who adds. */
  openJobs: 10_000_000,
  /** Jobs of one queue that run. Beyond: they wait. */
  jobsAtOnce: 1_000,
  /** Those in all processes that wait for the end of a job; that follow one; that follow a queue. Beyond, for each of the three: `OVERLOADED`. */
  jobWaiters: 10_000,
  /** Queues that somebody follows, and those of the last minutes. Beyond: `OVERLOADED`. */
  followedQueues: 32,
  /** Events that are kept of one of them. Beyond: the oldest is dropped, and who has not read it hears `EVENTS_LOST`. */
  jobEvents: 10_000,
  /** The same, in about their bytes. */
  jobEventBytes: 2 * MiB,
  /** How long events are kept of a queue after somebody asked for them last. */
  jobFollowMs: 300_000,
  /** How long a new owner of the store looks for jobs that run on. Beyond: their run counts as lost. */
  jobRecoverMs: 10_000,
  /** How long the call of an isolated job outlasts its time and its grace, until its process is gone. Beyond: it is begun elsewhere. */
  isolatedEndMs: 10_000,
  /** Ends of runs that an instance keeps, since the owner of the store may not have heard them. Beyond: the oldest is dropped, and that job may run again. */
  jobEnds: 1_000,
  /** What these gave. Beyond: the oldest is dropped. */
  jobEndBytes: 16 * MiB,
  /** How long it keeps them. */
  jobEndMs: 60_000,
  /** Schedules of one queue. Beyond: `INVALID_INPUT`. */
  schedules: 1_000,
  /** Input and context of the jobs of a schedule; one answer has those of a whole queue. Beyond: `PAYLOAD_TOO_LARGE`. */
  scheduleInputBytes: 8 * KiB,
  /** Characters of the name of a schedule: with the time of a tick behind it, it is the name of a job. Beyond: `INVALID_INPUT`. */
  scheduleNameChars: 200,
  /** Shortest time between two ticks of a schedule: each is a commit, and what is done more often is no job. Below: `INVALID_INPUT`. */
  scheduleEveryMs: 1_000,
  /** A tick that is later was missed. */
  scheduleLateMs: 60_000,
  /** Key of the state area. Beyond: `INVALID_INPUT`. */
  stateKeyBytes: 1 * KiB,
  /** Value of the state area, as JSON. Beyond: `PAYLOAD_TOO_LARGE`. */
  stateValueBytes: 1 * MiB,
  /** Longest time that a value of the state area is kept for when it has one. Beyond: `INVALID_INPUT`. */
  stateTtlMs: 366 * 86_400_000,
  /** Keys of the state area. Beyond: `OVERLOADED` for a new one. */
  stateEntries: 1_000_000,
  /** Keys and values of the state area. Beyond: `OVERLOADED` for what makes it more. */
  stateBytes: 1_024 * MiB,
  /** Entries in one page of a list. Beyond: `INVALID_INPUT`. */
  statePage: 1_000,
} as const;
