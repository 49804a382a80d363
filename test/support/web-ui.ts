import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { inject } from 'vitest';
import { temporal } from './services.js';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];
/** A narrow one: the page gives half of it to the current details. */
const WINDOW = { width: 1280, height: 1000 };
const MENU_WIDTH = 256;
const PATIENCE_MS = 20_000;

/** Temporal's Web UI as a person has it: a new browser, with nothing saved in it. */
export class WebUi {
  readonly page: Page;
  private readonly browser: Browser;
  private readonly list = `${inject('temporalUi')}/namespaces/${temporal().namespace}/workflows`;
  private readonly pictures: Buffer[] = [];

  private constructor(browser: Browser, page: Page) {
    this.browser = browser;
    this.page = page;
  }

  static async open(program: string): Promise<WebUi> {
    const browser = await chromium.launch({ executablePath: program, args: FLAGS });
    const page = await browser.newPage({ viewport: WINDOW });
    page.setDefaultTimeout(PATIENCE_MS);
    return new WebUi(browser, page);
  }

  /** The list of workflows, narrowed as by its filter. */
  openList(query: string): Promise<unknown> {
    return this.page.goto(`${this.list}?query=${encodeURIComponent(query)}`);
  }

  openWorkflow(id: string): Promise<unknown> {
    return this.page.goto(`${this.list}/${encodeURIComponent(id)}`);
  }

  openTab(name: string): Promise<void> {
    return this.page.locator('a').filter({ hasText: name, visible: true }).first().click();
  }

  /** The Markdown of the tab "User Metadata", which the page shows in a frame of its own. */
  get currentDetails(): Locator {
    return this.page.locator('iframe').last().contentFrame().locator('main');
  }

  get dialog(): Locator {
    return this.page.getByRole('dialog').filter({ visible: true });
  }

  /** Opens "Send a Signal", as far as its list of signals. */
  async openSignals(): Promise<void> {
    await this.page.getByRole('button', { name: 'More Actions' }).click();
    await this.page.getByRole('menu').getByText('Send a Signal').click();
    await this.dialog.getByTestId('signal-select-button').click();
  }

  /** Chooses a signal of the open list, pastes its input and sends it. */
  async send(signal: string, input: string): Promise<void> {
    await this.dialog.getByRole('option', { name: signal }).first().click();
    await this.dialog.getByRole('textbox', { name: 'Data' }).click();
    await this.page.keyboard.insertText(input);
    await this.dialog.getByTestId('confirm-modal-button').click();
    await this.dialog.waitFor({ state: 'hidden' });
  }

  /** Waits until the page shows it. */
  sees(text: string | RegExp): Promise<void> {
    return this.page.getByText(text).filter({ visible: true }).first().waitFor();
  }

  /** Keeps what the window shows from this on, for the picture in the documentation. */
  async remember(from: Locator, height: number): Promise<void> {
    if (process.env.MC_WEB_UI_PICTURE === undefined) return;
    await from.evaluate((element) => element.scrollIntoView());
    const y = Math.max(0, ((await from.boundingBox())?.y ?? 0) - 10);
    const clip = { x: MENU_WIDTH, y, width: WINDOW.width - MENU_WIDTH, height };
    this.pictures.push(await this.page.screenshot({ clip }));
  }

  /** Writes what was kept as one picture to the file that MC_WEB_UI_PICTURE names. */
  async close(): Promise<void> {
    const path = process.env.MC_WEB_UI_PICTURE;
    if (path !== undefined) {
      const images = this.pictures.map((png) => png.toString('base64'));
      const tags = images.map((data) => `<img src="data:image/png;base64,${data}">`);
      const style =
        'body{margin:0;background:#bbb;width:1024px}img{display:block;margin-bottom:8px}';
      await this.page.setContent(`<style>${style}</style>${tags.join('')}`);
      await this.page.locator('body').screenshot({ path });
    }
    await this.browser.close();
  }
}
