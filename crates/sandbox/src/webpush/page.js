'use strict';
// The page's half. The service worker (sw.js) decrypts and shows; it also remembers the keys of a subscription at the sandbox.

const POLL_MS = 500;
const PUSH_SERVICE_MS = 5000;

const element = (id) => document.getElementById(id);
const say = (text) => { element('state').textContent = text; };
const base64url = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
const fromBase64url = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));

async function vapidKey() {
  const answer = await fetch('/push/config');
  return (await answer.json()).vapid_public_key;
}

// The browser's own push service; it may be out of reach, or there may be none.
async function ownService(registration, key) {
  const subscribing = registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: fromBase64url(key) });
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error('no push service answers')), PUSH_SERVICE_MS));
  return (await Promise.race([subscribing, late])).toJSON();
}

// The sandbox as push service: the keys are made here and stay here.
async function sandboxService(worker) {
  const pair = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits']);
  const publicKey = await crypto.subtle.exportKey('raw', pair.publicKey);
  const privateKey = await crypto.subtle.exportKey('jwk', pair.privateKey);
  const auth = crypto.getRandomValues(new Uint8Array(16));
  const answer = await fetch('/push/subscriptions', { method: 'POST' });
  const { id, endpoint } = await answer.json();
  worker.postMessage({ keys: { id, privateKey, publicKey, auth: auth.buffer } });
  setInterval(() => worker.postMessage({ fetch: id }), POLL_MS);
  return { endpoint, expirationTime: null, keys: { p256dh: base64url(publicKey), auth: base64url(auth) } };
}

async function register(subscription) {
  const link = new URLSearchParams(location.hash.slice(1)).get('register');
  if (!link) return 'subscribed';
  const answer = await fetch(link, { method: 'POST', body: JSON.stringify({ ...subscription, platform: 'browser' }) });
  return answer.ok ? 'subscribed and registered' : `subscribed; the hub refuses the device (${answer.status})`;
}

async function subscribe() {
  element('subscribe').disabled = true;
  say('subscribing');
  const key = await vapidKey();
  if (!key) throw new Error('the sandbox has no webpush section in its configuration');
  if ('Notification' in window) await Notification.requestPermission();
  await navigator.serviceWorker.register('/push/sw.js');
  const registration = await navigator.serviceWorker.ready;
  let subscription;
  try {
    subscription = await ownService(registration, key);
  } catch (error) {
    subscription = await sandboxService(registration.active);
  }
  element('subscription').textContent = JSON.stringify(subscription, null, 2);
  say(await register(subscription));
}

navigator.serviceWorker?.addEventListener('message', (event) => {
  if (event.data.payload) element('payload').textContent = JSON.stringify(event.data.payload, null, 2);
  if (event.data.problem) say(event.data.problem);
});
element('subscribe').addEventListener('click', () => subscribe().catch((error) => {
  element('subscribe').disabled = false;
  say(`not subscribed: ${error.message}`);
}));
if (!('serviceWorker' in navigator)) say('this browser has no service workers here: open the page as localhost or by https');
