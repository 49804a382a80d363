import { afterAll, beforeAll, expect, test } from 'vitest';
import { SEARCH_ATTRIBUTES } from '../../src/contract.js';
import { VERBS } from '../../src/domain/task.js';
import { type House, openHouse } from '../support/house.js';
import { describeNeeding, needs } from '../support/needs.js';
import { approved, execution, revision, scenario } from '../support/tasks.js';
import { WebUi } from '../support/web-ui.js';

const STORY = scenario({
  executions: [execution('Missing error handling'), execution('Error handling added')],
  reviews: [revision('Add error handling for a page that is empty'), approved],
});

// `MC_WEB_UI_PICTURE=docs/temporal-web-ui.png npx vitest run test/e2e/web-ui.test.ts` makes the
// picture of the documentation anew.
describeNeeding(needs.chromium, "Temporal's Web UI alone", (program) => {
  let house: House;
  let ui: WebUi;
  beforeAll(async () => {
    [house, ui] = await Promise.all([openHouse(), WebUi.open(program)]);
  });
  afterAll(async () => {
    await ui.close();
    await house.close();
  });

  /** As the page's own "Start Workflow" does it: a type, a queue, an id and an input. */
  const start = (workflowId: string, input: object, summary: { staticSummary?: string } = {}) =>
    house.client.workflow.start('task', {
      taskQueue: house.taskQueue,
      workflowId,
      args: [input],
      ...summary,
    });

  test('the list finds what waits, and has the search attributes as columns', async () => {
    await start('waits', { title: 'Plan the release', assignee: 'lead', reviewer: 'tester' });
    await start('runs-by-itself', { title: 'Fix a typo' }).then((task) => task.result());
    await ui.openList(`WaitingFor = "approval" AND TaskQueue = "${house.taskQueue}"`);
    await ui.sees('waits');
    expect(await ui.page.getByText('runs-by-itself').count()).toBe(0);

    await ui.page.getByTestId('workflows-summary-table-configuration-button').click();
    for (const name of Object.keys(SEARCH_ATTRIBUTES)) {
      await ui.page.getByTestId(`orderable-list-item-${name}-add-button`).click();
    }
    await ui.page.getByTestId('drawer-close-button').click();
    const row = ui.page.getByRole('row').filter({ hasText: 'waits' });
    for (const value of ['INBOX', 'NORMAL', 'lead', 'tester', 'approval']) {
      await row.getByText(value, { exact: true }).first().waitFor();
    }
  });

  test('each signal says what it does and shows an input that can be pasted', async () => {
    await start('signals', { title: 'Plan the release', assignee: 'lead' });
    await ui.openWorkflow('signals');
    await ui.openSignals();
    await ui.dialog.getByText('Admits the task').waitFor();
    const options = await ui.dialog.getByRole('option').allInnerTexts();
    for (const verb of VERBS) {
      const text = options.find((option) => option.startsWith(`${verb}\n`));
      const [, input = ''] = /Input: (\{.*\})$/.exec(text ?? '') ?? [];
      expect(JSON.parse(input), text).toMatchObject({ by: 'person:ann' });
    }
    expect(options.filter((option) => option.includes('Not for people'))).toHaveLength(3);
  });

  test('what our own doors start shows its title as the summary', async () => {
    await start('titled', { title: 'Fix a typo' }, { staticSummary: 'Fix a typo in the title' });
    await ui.openWorkflow('titled');
    await ui.openTab('User Metadata');
    const frames = ui.page.locator('iframe');
    await frames.first().contentFrame().getByText('Fix a typo in the title').waitFor();
  });

  test("a LEAD's task is understood, approved and followed to its end", async () => {
    const input = { title: 'Search by pages', assignee: 'lead', description: STORY };
    await start('search-by-pages', input);
    await ui.openWorkflow('search-by-pages');
    await ui.openTab('User Metadata');
    const details = ui.currentDetails;
    await details.getByText("INBOX — waits for a person's approval").waitFor();
    await details.getByText('its tasks always wait for a person').waitFor();
    const approve = details.getByRole('listitem').filter({ hasText: 'approve' });
    const heading = ui.page.getByRole('heading', { name: 'search-by-pages' });
    await ui.remember(heading, 900);
    const pasted = await approve.locator('code').innerText();

    await ui.openSignals();
    await ui.send('approve', pasted);
    await ui.openTab('Timeline');
    await ui.sees(/^completed$/i);
    await ui.sees('"DONE"');
    for (const row of ['Execution 1 · Lead', 'Review 1 · Reviewer', 'Execution 2 · Lead']) {
      await ui.sees(row);
    }
    await ui.sees('Landing 1');
    await ui.remember(ui.page.getByRole('heading', { name: 'Timeline' }), 360);

    await ui.openWorkflow('search-by-pages');
    await ui.openTab('User Metadata');
    await details.getByText('Status: DONE').waitFor();
    expect((await details.locator('code').innerText()).trim().split('\n')).toEqual([
      'Task: "Search by pages" (REHEARSED)',
      '├─ Execution 1 [Lead] SUCCEEDED — Missing error handling',
      '├─ Review 1 [Reviewer] SUCCEEDED — Verdict: REVISION:',
      '│     Add error handling for a page that is empty',
      '├─ Execution 2 [Lead] SUCCEEDED — Error handling added',
      '├─ Review 2 [Reviewer] SUCCEEDED — Verdict: APPROVED',
      '└─ Status: DONE',
    ]);
    const width = await details.locator('pre').evaluate((pre) => pre.scrollWidth - pre.clientWidth);
    expect(width, 'columns that are cut off').toBe(0);
    await ui.remember(ui.page.getByText('Current Details'), 390);
  });
});
