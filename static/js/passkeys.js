/* Passkeys: passes the server's request to the device, and submits its response in a plain form. Forms that need this are
   hidden in browsers without passkeys. */
(() => {
  const isAddress = /^[\d.]+$|^\[/.test(location.hostname); // passkeys work with host names only
  const hasPasskeys = !isAddress && Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON);
  const forEach = (selector, change) => document.querySelectorAll(selector).forEach(change);
  let waiting = null; // the pending request behind the browser's autofill, until another one starts

  const settle = () => {
    forEach('form[data-passkey="get"]', (form) => { form.hidden = !hasPasskeys; });
    forEach('form[data-passkey="create"] button', (button) => { button.disabled = !hasPasskeys; });
    forEach('[data-no-passkeys]', (notice) => { notice.hidden = hasPasskeys; });
    offer();
  };

  /* The options, or null if the server redirects, for example to the sign-in page. */
  const fetchOptions = async (form) => {
    const response = await fetch(form.dataset.options, { method: 'POST', headers: { Accept: 'application/json' } });
    if (response.redirected) {
      location.assign(response.url);
      return null;
    }
    const body = await response.json();
    if (!response.ok) throw new Error(body.detail);
    return body.publicKey;
  };

  const requestCredential = async (form, more = {}) => {
    const options = await fetchOptions(form);
    if (!options) return;
    const credential = form.dataset.passkey === 'create'
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options), ...more })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options), ...more });
    form.elements.credential.value = JSON.stringify(credential);
    const remember = document.querySelector('form input[type="checkbox"][name="remember"]:checked');
    if (remember) form.append(Object.assign(document.createElement('input'), { type: 'hidden', name: 'remember', value: 'y' }));
    form.submit();
  };

  const messageOf = (error) => ({
    NotAllowedError: 'Nothing was done: it was cancelled, took too long, or this device has no passkey for it.',
    InvalidStateError: 'This device has a passkey for your account already.',
    SecurityError: 'Browsers allow no passkeys at this address.',
  })[error.name] ?? (error.name === 'Error' ? error.message : 'The device could not be asked. Try again.');

  document.addEventListener('submit', async (event) => {
    const form = event.target;
    if (!form.matches('form[data-passkey]')) return;
    event.preventDefault();
    waiting?.abort();
    const message = form.querySelector('[data-passkey-trouble]');
    const button = form.querySelector('button');
    message.textContent = '';
    button.disabled = true;
    try {
      await requestCredential(form);
    } catch (error) {
      message.textContent = messageOf(error);
      button.disabled = false;
    }
  });

  /* Let the browser offer passkeys in the address field, without a click. */
  const offer = async () => {
    const form = document.querySelector('form[data-passkey="get"]');
    const field = document.querySelector('input[autocomplete^="username"][type="email"]:not([readonly])');
    if (waiting?.form === form) return;
    waiting?.abort();
    waiting = null;
    if (!hasPasskeys || !form || !field) return;
    const controller = waiting = Object.assign(new AbortController(), { form });
    if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
    field.autocomplete = 'username webauthn';
    try {
      await requestCredential(form, { mediation: 'conditional', signal: controller.signal });
    } catch { /* nobody asked for this: pressing the button will show the error */ }
  };

  document.addEventListener('htmx:after:swap', settle);
  settle();
})();
