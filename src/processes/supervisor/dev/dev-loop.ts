/**
 * `tutti dev`: watches the files of the project and makes the running app what they say. Reads them in a throw-away process first, so that
 * what is broken is shown and costs nobody his process. One round at a time; what is saved meanwhile makes the next one.
 */
import { dirname, extname, relative } from 'node:path';
import { bounds } from '../../../core/bounds.ts';
import { changedFiles, mergeFiles, whoIsTouched } from '../../../core/changed-files.ts';
import type { FileMarks } from '../../../core/changed-files.ts';
import type { Clock } from '../../../core/ports.ts';
import { appKey } from '../../../define/read-manifest.ts';
import { readProject } from '../../../define/read-project.ts';
import type { Project, ProjectFiles, ProjectReading } from '../../../define/read-project.ts';
import { makePlan } from '../plan.ts';
import type { AppPlan } from '../plan.ts';
import type { RunningApp } from '../running-app.ts';
import type { Terminal } from '../terminal.ts';
import { applyChanges } from './apply-changes.ts';
import { ChangeReport } from './change-report.ts';
import { devPlan } from './dev-plan.ts';
import { fileList } from './dev-words.ts';
import { FolderWatch } from './folder-watch.ts';
import { planChanges } from './plan-changes.ts';
import { QuietRunner } from './quiet-runner.ts';
import { SourceFiles } from './source-files.ts';

export interface DevLoopNeeds {
  readonly app: RunningApp;
  readonly terminal: Pick<Terminal, 'say' | 'paint'>;
  readonly clock: Clock;
  readonly appFile: string;
  readonly version: string;
  readonly stateDir: string;
  /** Epoch milliseconds at which the files of what runs were read. */
  readonly readAt: number;
  /** Undefined: a predecessor read them; they are read again. */
  readonly files: ProjectFiles | undefined;
  /** For a successor. @throws {TuttiError} when it is refused. */
  readonly remember: (project: Project, readAt: number) => Promise<void>;
}

interface Readable {
  readonly project: Project;
  readonly files: ProjectFiles;
  readonly marks: FileMarks;
  /** Since what runs was read. */
  readonly changed: readonly string[];
  readonly readAt: number;
  /** Monotonic: when somebody saved. */
  readonly since: number;
}

/** A file that is written all the time is taken as it is in the end. */
const mostRereads = 5;
const secondThoughtMs = 150;
const sourceEndings: ReadonlySet<string> = new Set(['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs']);

const pause = (clock: Clock, ms: number): Promise<void> =>
  new Promise((done) => {
    clock.after(ms, done);
  });

export class DevLoop {
  readonly #needs: DevLoopNeeds;
  readonly #watch: FolderWatch;
  readonly #runner: QuietRunner;
  readonly #report: ChangeReport;
  readonly #source = new SourceFiles();
  /** Of what runs, and while something is broken also those it came to. */
  #files: ProjectFiles;
  /** What was in them when they were read for what runs, and when they were read last. */
  #applied: FileMarks = new Map();
  #seen: FileMarks = new Map();
  /** Something came that may be what was missing. */
  #mayBeMended: boolean;
  /** A successor, which does not know yet of which files is made what runs. */
  #isNewHere: boolean;
  #rereads = 0;

  constructor(needs: DevLoopNeeds) {
    this.#needs = needs;
    const { clock, terminal } = needs;
    this.#files = needs.files ?? new Map();
    this.#isNewHere = this.#mayBeMended = needs.files === undefined;
    this.#report = new ChangeReport(needs);
    this.#runner = new QuietRunner({ clock, run: (since) => this.#round(since) });
    this.#watch = new FolderWatch({
      clock,
      onEvent: (path) => {
        this.#onEvent(path);
      },
      say: (sentence) => {
        terminal.say(sentence);
      },
    });
    this.#watch.follow(this.#known());
    this.#applied = this.#seen = this.#source.marks(this.#known(), needs.readAt);
    // For what was saved while the app started, or while there was no supervisor.
    this.#runner.ask();
  }

  close(): void {
    this.#runner.close();
    this.#watch.close();
    this.#report.close();
  }

  #known(): Set<string> {
    const all = [this.#needs.appFile, ...[...this.#files.values()].flat()];
    return new Set([...new Set(all)].slice(0, bounds.devFiles));
  }

  #onEvent(path: string | undefined): void {
    if (path !== undefined && !this.#known().has(path)) {
      // A folder on the way to a file that is not there, or a file that nobody had; of data files nobody wants to hear.
      if (extname(path) !== '' && !sourceEndings.has(extname(path))) return;
      this.#mayBeMended ||= this.#report.isBroken;
    }
    this.#runner.ask();
  }

  async #round(since: number): Promise<void> {
    try {
      this.#watch.follow(this.#known());
      const before = this.#source.marks(this.#known());
      if (changedFiles(this.#seen, before).length === 0 && !this.#mayBeMended) return;
      this.#mayBeMended = false;
      await this.#read(before, since);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#report.broken([], [{ path: '', message }]);
    }
  }

  async #read(before: FileMarks, since: number): Promise<void> {
    const readAt = this.#needs.clock.wall();
    const reading = await readProject(this.#needs.appFile);
    if (this.#needs.app.wanted.isStopping) return;
    const marks = this.#follow(reading, readAt);
    // Who writes a file in pieces is not told that the first piece is broken.
    if (reading.project === undefined) await pause(this.#needs.clock, secondThoughtMs);
    if (this.#isStale(before, marks) && this.#rereads < mostRereads) {
      this.#rereads += 1;
      this.#runner.ask(since);
      return;
    }
    this.#rereads = 0;
    this.#seen = marks;
    const changed = changedFiles(this.#applied, marks);
    const { project, problems, files } = reading;
    if (project === undefined) this.#report.broken(this.#names(changed), problems);
    else await this.#apply({ project, files, marks, changed, readAt, since });
  }

  /** Saved while it was read: what was read may be half of it. */
  #isStale(before: FileMarks, marks: FileMarks): boolean {
    const isOld = (read: FileMarks): boolean =>
      changedFiles(read, this.#source.marks(read.keys())).length > 0;
    return isOld(before) || isOld(marks);
  }

  /** A file that the reading came to first is taken for changed when it was touched since. */
  #follow({ project, files }: ProjectReading, readAt: number): FileMarks {
    const old = this.#known();
    this.#files = project === undefined ? mergeFiles(this.#files, files) : files;
    const known = this.#known();
    this.#watch.follow(known);
    if (this.#isNewHere) this.#applied = this.#source.marks(known, this.#needs.readAt);
    this.#isNewHere &&= project === undefined;
    const fresh = [...known].filter((file) => !old.has(file));
    return new Map([...this.#source.marks(known), ...this.#source.marks(fresh, readAt)]);
  }

  async #apply(read: Readable): Promise<void> {
    const { app, clock } = this.#needs;
    const plan = this.#planOf(read.project);
    const changes = planChanges(app.plan, plan);
    const touched = whoIsTouched(read.files, read.changed);
    const appFiles = this.#names(touched.get(appKey) ?? []);
    // Whoever is added has only new files, of which none tells why.
    const filesOf = (service: string): readonly string[] => {
      const own = changes.added.includes(service) ? undefined : touched.get(service);
      return own === undefined && appFiles.length > 0 ? appFiles : this.#names(own ?? read.changed);
    };
    this.#report.begin();
    const anew = await applyChanges({
      ...{ app, clock, plan, changes },
      touched: [...touched.keys()].filter((name) => name !== appKey),
      reasonOf: (service) => fileList(filesOf(service)),
      remember: () => this.#needs.remember(read.project, read.readAt),
    });
    this.#applied = read.marks;
    this.#report.applied({ changes, anew, filesOf, appFiles, since: read.since });
  }

  #planOf({ app, manifest }: Project): AppPlan {
    const { appFile, version, stateDir } = this.#needs;
    return devPlan(makePlan({ app, manifest, appFile, version, stateDir }));
  }

  #names(files: readonly string[]): string[] {
    return files.map((file) => relative(dirname(this.#needs.appFile), file));
  }
}
