import { dingtalkChannel, wechatChannel } from './chat-channels.js';
import { emailChannel } from './email-channel.js';
import type { Channel } from './notifying-handler.js';
import { webhookChannel } from './webhook-channel.js';

/** The channels that the kernel brings; each is an error handler of the same type. */
export const CHANNELS: readonly Channel[] = [emailChannel, webhookChannel, dingtalkChannel, wechatChannel];
