/** A sequence on the model and on the real SQL functions: statement by statement the same. */
import { connect, type Database } from '../../drizzle/db.js';
import { act, begin, type Deed } from '../simulator/deeds.js';
import { Driver } from '../simulator/driver.js';
import type { Model } from '../simulator/model.js';
import type { Call } from '../simulator/statements.js';
import { REPOSITORIES, ROSTER, type World } from '../simulator/world.js';
import { freshDatabase } from '../support/services.js';
import { asModel, snapshot, statementOf } from './translate.js';

interface Told extends Call {
  /** Now and then it is compared too what every queued run waits for: that costs the most. */
  readonly waits: boolean;
  /** What stood after it. */
  readonly stood: string;
}

/** Plays it on the model alone; answers all statements, in order. */
export function onModel(deeds: readonly Deed[], record: Model, timeZone: string): Told[] {
  const told: Told[] = [];
  const driver = new Driver(record, undefined, (call) => {
    const reply = structuredClone(call.reply);
    const waits = told.length % 6 === 0;
    told.push({ ...call, reply, waits, stood: JSON.stringify(snapshotOf(record, waits)) });
  });
  begin(driver, timeZone);
  for (const deed of deeds) act(driver, deed);
  return told;
}

function snapshotOf(record: Model, waits: boolean): unknown {
  const { tasks, runs, agents, decisions, policies, audit, squadPaused, landings, today }: World =
    record.world;
  return {
    tasks: tasks.map((t) => [
      ...[t.number, t.status, t.blocked, t.blockedStep, t.assignee, t.priority, t.reviewers],
      ...[t.paused, t.cycles, t.landingCycles, t.grantedCycles, t.grantedLandings],
      ...[t.admission, t.admissionVersion, t.depth, t.rehearsed, t.landedFrom, t.landedCommit],
    ]),
    runs: runs.map((r) => [
      ...[r.id, r.kind, r.number, r.cycle, r.seat, r.agent, r.byPerson, r.state, r.priority],
      ...[r.hold, r.attempt, r.charged, r.day === null ? null : today - r.day, r.estimate],
      ...[r.tokens, r.outcome, r.fault, r.verdict?.kind ?? null, r.reviewed, r.superseded],
      ...[r.spawned, r.rehearsed, waits ? record.waitOf(r) : null],
    ]),
    agents: agents.map((a) => [a.id, a.type, a.enabled, a.paused]),
    decisions: decisions.map((d) => [d.task, d.question, d.decision, d.by].join(' ')).sort(),
    policies: policies
      .map((p) => [p.name, p.version, p.enabled, p.by, entriesOf(p.value)] as const)
      .sort(
        ([one, version], [other, than]) =>
          (one < other ? -1 : 1) * Number(one !== other) || version - than,
      ),
    audit: audit.flatMap(({ by, action, subject, detail = {} }) =>
      action.startsWith('task.') ? [] : [[by, action, subject, plainly(detail)]],
    ),
    landings: landings.map((l) => `${l.task} ${l.number} ${l.outcome}`).sort(),
    squadPaused,
  };
}

/** Fields in the order of their names. */
const entriesOf = (value: object): [string, unknown][] =>
  Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
const plainly = (detail: object): [string, unknown][] =>
  entriesOf(detail).map(([field, value]) => [
    field,
    typeof value === 'object' && value !== null ? entriesOf(value) : value,
  ]);

/** One connection; its transaction is rolled back after each sequence: a fresh record. */
export class Real {
  private readonly database: Database;
  /** A zone where it is noon: no day ends while a sequence is played. */
  readonly timeZone: string;

  private constructor(database: Database) {
    this.database = database;
    const offset = 12 - new Date().getUTCHours();
    this.timeZone = `Etc/GMT${offset > 0 ? '-' : '+'}${Math.abs(offset)}`;
  }
  static async open(): Promise<Real> {
    const { url } = await freshDatabase();
    return new Real(connect(url, { max: 1 }));
  }
  close(): Promise<void> {
    return this.database.close();
  }

  /** Plays the same statements; answers the first difference, or null. */
  async differs(told: readonly Told[], planted?: Planted): Promise<string | null> {
    await this.run('begin');
    try {
      await this.furnish(planted);
      for (const [index, call] of told.entries()) {
        const what = await this.compare(call).catch(String);
        if (what !== null) return `statement ${index + 1} of ${told.length}: ${what}`;
      }
      return null;
    } finally {
      await this.run('rollback');
    }
  }

  /** A statement that raises is a difference as well. */
  private async compare(call: Told): Promise<string | null> {
    const { text, given } = statementOf(call);
    const [row] = await this.run(text, given);
    const [now] = await this.run(snapshot(call.waits));
    return difference(call, row?.answer, now?.now);
  }
  private run(text: string, given: readonly string[] = []) {
    return this.database.sql.unsafe(text, [...given], { prepare: true });
  }

  private async furnish(planted: Planted | undefined): Promise<void> {
    const { sql } = this.database;
    const ids = ROSTER.map(({ id }) => id);
    await sql`delete from agents where not ${JSON.stringify(ids)}::jsonb ? id`;
    for (const { id, estimate } of ROSTER) {
      await sql`update agents set token_estimate = ${estimate} where id = ${id}`;
    }
    for (const name of REPOSITORIES) {
      await sql`insert into repositories (id, name, location, target, provenance, added_by)
        values (gen_random_uuid(), ${name}, '', 'main', ${name}, 'person:ann')`;
    }
    if (!planted) return;
    const [row] = await sql<{ text: string }[]>`
      select pg_get_functiondef(oid) as text from pg_proc
      where proname ~ ${planted.function} and strpos(prosrc, ${planted.instead}) > 0`;
    const text = row?.text.replace(planted.instead, planted.of);
    if (text === undefined || text === row?.text) throw new Error(`${planted.instead}: not there`);
    await sql.unsafe(text);
  }
}

/** A SQL function with another text in the place of one of its own. */
export interface Planted {
  /** A pattern of its name. */
  readonly function: string;
  readonly instead: string;
  readonly of: string;
}

function difference(call: Told, answer: unknown, now: unknown): string | null {
  const model = JSON.stringify(asModel(call.name, call.reply, 'model'));
  const real = JSON.stringify(asModel(call.name, answer, 'real'));
  const asked = `${call.name} ${JSON.stringify(call.given)}`;
  if (model !== real) return `${asked}\n  answers, model: ${model}\n  answers, real:  ${real}`;
  const stands = JSON.parse(call.stood) as Record<string, unknown>;
  for (const [what, rows] of Object.entries(stands)) {
    const [left, right] = [rows, (now as Record<string, unknown>)[what]];
    if (JSON.stringify(left) === JSON.stringify(right)) continue;
    return `${asked}\n  ${what}: ${firstUnequal(left, right)}`;
  }
  return null;
}

function firstUnequal(left: unknown, right: unknown): string {
  const rows = Array.isArray(left) ? left : [left];
  const others = Array.isArray(right) ? right : [right];
  const at = [...rows, ...others].findIndex(
    (_, index) => JSON.stringify(rows[index]) !== JSON.stringify(others[index]),
  );
  return `model: ${JSON.stringify(rows[at])}\n  real:  ${JSON.stringify(others[at])}`;
}
