/** Rules broken one at a time: what a simulator is worth that does not see them. */
import { isOpen } from './line.js';
import { Model, type VerbCall } from './model.js';
import { asSpecialist, EVERYWHERE, OF_THE_CORE } from './mutants-of-the-core.js';
import type { Closing } from './runs.js';
import type { Mutant } from './simulate.js';
import type { Filing } from './tasks.js';
import { type Agent, CORE, type Decision, type Run, type Spec, type Task } from './world.js';

/** Counts once what must be counted after the lock, for each run again. */
class CountedBefore extends Model {
  private counted: Map<string, number> | null = null;
  override promote(): string[] {
    this.counted = new Map(this.world.agents.map(({ id }) => [id, super.slotsOf(id)]));
    const woken = super.promote();
    this.counted = null;
    return woken;
  }
  override slotsOf(agent: string): number {
    return this.counted?.get(agent) ?? super.slotsOf(agent);
  }
}

const seed = { name: 'review', enabled: true, value: { maxCycles: 5 }, by: 'system:seed' } as const;

/** Of what the SQL functions do; that the model is as they are is compared in `test/drizzle`. */
const OF_THE_RECORD: readonly (Omit<Mutant, 'model'> & { model: new () => Model })[] = [
  {
    name: 'the review is skipped',
    seenBy: [2],
    model: class extends Model {
      override applyThen(...[task, course, step]: Parameters<Model['applyThen']>): void {
        const skipped = { status: 'LANDING', next: [] } as const;
        super.applyThen(task, course?.status === 'REVIEW' ? skipped : course, step);
      }
      override mayMove(): boolean {
        return true;
      }
    },
  },
  {
    name: 'the reviewer is the executor',
    seenBy: [4],
    model: class extends Model {
      override executorOf(): string {
        return 'nobody';
      }
    },
  },
  {
    name: 'policy approves for a LEAD',
    seenBy: [5],
    core: { decideAdmission: asSpecialist },
    model: class extends Model {
      override policyAdmits(): boolean {
        return true;
      }
    },
  },
  {
    name: 'the approval of another agent counts for a LEAD',
    seenBy: [5],
    model: class extends Model {
      override decided(task: string, question: string): Decision | undefined {
        const exact = super.decided(task, question);
        if (exact !== undefined || !question.startsWith('admission:')) return exact;
        return this.world.decisions.find(
          (each) => each.task === task && each.question.startsWith('admission:'),
        );
      }
    },
  },
  {
    name: 'a slot is leaked on cancel',
    seenBy: [12],
    model: class extends Model {
      override cancelOpen(task: string): void {
        for (const run of this.runsOf(task)) if (run.state === 'QUEUED') this.cancelRun(run);
      }
    },
  },
  {
    name: 'the seed resets a policy',
    seenBy: [13],
    model: class extends Model {
      override seed() {
        const { version } = this.policyNow('review');
        this.world.policies.push({ ...seed, version: version + 1 });
        return { left: true };
      }
    },
  },
  {
    name: 'a change of policy names nobody',
    seenBy: [13],
    model: class extends Model {
      override set_policy(given: Parameters<Model['set_policy']>[0]) {
        return super.set_policy({ ...given, by: '' });
      }
    },
  },
  {
    name: 'a retry is counted as a revision',
    seenBy: [2],
    model: class extends Model {
      override openRun(task: string, spec: Spec): void {
        const last = this.runsOf(task).findLast(({ kind }) => kind === 'EXECUTION');
        const retried = spec.kind === 'EXECUTION' && last?.state === 'FAILED';
        super.openRun(task, retried ? { ...spec, cycle: spec.cycle + 1 } : spec);
      }
    },
  },
  {
    name: 'the cap of revisions is ignored',
    seenBy: [2],
    model: class extends Model {
      override figure(policy: string, name: string): number {
        return name === 'maxCycles' ? 99 : super.figure(policy, name);
      }
    },
  },
  {
    name: 'a follow-up is filed twice',
    seenBy: [8],
    core: {
      clampFollowUps: (asked, caps, tree) =>
        CORE.clampFollowUps(asked, caps, { ...tree, titles: [] }),
    },
    model: class extends Model {
      override isFiled(): boolean {
        return false;
      }
      override insertTask(filing: Filing, origin?: { run: string; index: number }): void {
        const index = this.world.tasks.length * 100;
        super.insertTask(filing, origin && { ...origin, index: origin.index + index });
      }
    },
  },
  {
    name: 'a key files twice',
    seenBy: [15],
    model: class extends Model {
      override insertTask(filing: Filing, origin?: { run: string; index: number }): void {
        super.insertTask({ ...filing, request: { ...filing.request, key: null } }, origin);
        const task = this.world.tasks.find(({ id }) => id === filing.id);
        Object.assign(task ?? {}, { key: filing.request.key });
      }
    },
  },
  {
    name: 'a terminal state is left',
    seenBy: [7],
    core: { legalIn: () => EVERYWHERE },
    model: class extends Model {
      override mayMove(): boolean {
        return true;
      }
    },
  },
  {
    name: 'a decision flips',
    seenBy: [6],
    model: class extends Model {
      override decide(...[task, question, decision, by]: Parameters<Model['decide']>): boolean {
        const first = super.decided(task, question);
        if (first === undefined) return super.decide(task, question, decision, by);
        Object.assign(first, { decision, by });
        return true;
      }
    },
  },
  {
    name: 'an agent decides',
    seenBy: [6],
    model: class extends Model {
      override apply_verb(given: VerbCall) {
        const legalIn = CORE.legalIn(given.verb);
        return super.apply_verb({ ...given, refused: null, legalIn });
      }
      override verbError(task: Task, given: VerbCall): string | null {
        return super.verbError(task, { ...given, by: 'person:ann' });
      }
    },
  },
  { name: 'limits are counted before the lock', seenBy: [10], model: CountedBefore },
  {
    name: 'a smaller one overtakes the first in line',
    seenBy: [10],
    model: class extends Model {
      override fits(run: Run): boolean {
        const most = this.figure('execution-limits', 'maxDailyTokens');
        return super.fits(run) && this.tokensOf() + run.estimate <= most;
      }
    },
  },
  {
    name: 'a disabled agent is promoted',
    seenBy: [10],
    model: class extends Model {
      override isEnabled(): boolean {
        return true;
      }
      override canWork(agent: Agent): boolean {
        return this.hasBackend(agent);
      }
    },
  },
  {
    name: 'a held run is promoted without an answer',
    seenBy: [10, 14],
    model: class extends Model {
      override gate(run: Run): string | null {
        return super.gate({ ...run, hold: null });
      }
    },
  },
  {
    name: 'superseded work counts',
    seenBy: [1, 2, 3],
    model: class extends Model {
      override supersede(): void {}
    },
  },
  {
    name: 'midnight forgets the charged runs in flight',
    seenBy: [10],
    model: class extends Model {
      override reserved(): number {
        const { runs, today } = this.world;
        const ofToday = runs.filter((run) => isOpen(run) && run.day === today);
        return ofToday
          .filter(({ state }) => state !== 'QUEUED')
          .reduce((sum, run) => sum + this.reservedBy(run), 0);
      }
    },
  },
  {
    name: 'a run that is queued again takes a new number',
    seenBy: [3],
    model: class extends Model {
      override requeue(run: Run, closing: Closing) {
        Object.assign(run, { place: this.world.runs.length + 1_000 });
        return super.requeue(run, closing);
      }
    },
  },
  {
    name: 'rehearsed work lands in a repository that a person added',
    seenBy: [17],
    model: class extends Model {
      override mayLandIn({ repository }: Task): boolean {
        return repository !== null;
      }
    },
  },
  {
    name: 'the write of a zombie is accepted',
    seenBy: [11],
    model: class extends Model {
      override isLive(run: Run): boolean {
        return run.state === 'RUNNING';
      }
    },
  },
  {
    name: 'whom a change of policy lets go is not promoted',
    seenBy: [14],
    model: class extends Model {
      override set_policy(given: Parameters<Model['set_policy']>[0]) {
        const promote = this.promote;
        this.promote = () => [];
        const answer = super.set_policy(given);
        this.promote = promote;
        return answer;
      }
    },
  },
];

export const MUTANTS: readonly Mutant[] = [...OF_THE_CORE, ...OF_THE_RECORD];
