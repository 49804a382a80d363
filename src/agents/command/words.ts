import type { RunRequest } from '../backend.js';
import type { PresetCraft } from './preset.js';
import type { Transcript } from './transcript.js';

/**
 * What a program is told by standard input. A session that it goes on with knows all but the news;
 * a new one is told everything.
 */
export function wordsFor(request: RunRequest, before: Transcript, craft: PresetCraft): string {
  const handover = `# How to hand it over\n\n${craft.handover[request.kind]}`;
  const { answer, reask } = request;
  const news = [
    answer === null
      ? ''
      : `# A person's answer to your question\n\n${before.asked ?? ''}\n${answer}`,
    reask === null ? '' : `# Your verdict could not be read\n\n${reask}\n\nGive it again, whole.`,
  ];
  const goOn =
    'You were interrupted. The working copy stands where you had left it at your last turn. ' +
    'Look at what is done already, and go on from there to the end.';
  const isNews = news.some((each) => each !== '');
  const parts =
    before.session === null
      ? [request.instructions, ...news, request.resume === null || isNews ? '' : goOn, handover]
      : [...(isNews ? news : [goOn]), handover];
  return `${parts.filter((each) => each !== '').join('\n\n')}\n`;
}
