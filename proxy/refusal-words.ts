/** What the refusal page says, in each language. To add one: name it in `LANGUAGES`, and give it all that `PageWords` asks for. */
import { readWeighted } from '../policy/quality-values.ts'
import { REFUSALS } from './errors.ts'
import type { RefusalCode } from './errors.ts'

export const LANGUAGES = ['en', 'ru'] as const
export type Language = (typeof LANGUAGES)[number]

export interface PageWords {
  readonly blocked: string
  /** Who checks uploads, where no organisation is named. */
  readonly network: string
  readonly checks: string
  readonly event: string
  readonly rule: string
  readonly status: string
  readonly ask: string
  readonly questions: string
  readonly codes: { readonly [code in RefusalCode]: { readonly text: string; readonly remedy: string } }
}

const ADMIN = 'Обратитесь к администратору; код события поможет найти причину.'
const LATER = 'Повторите попытку позже.'
const SOON = 'Повторите попытку через минуту.'
const FEWER = 'Закройте часть соединений или спросите администратора о proxy.limits.'
const OTHER_HOST = { text: 'Соединение открыто для другого узла, чем назван в запросе.', remedy: 'Для каждого узла нужно своё соединение.' }

export const WORDS: { readonly [language in Language]: PageWords } = {
  en: {
    blocked: 'Blocked', network: 'This network', checks: 'checks uploads to cloud storage.', event: 'Event', rule: 'Rule', status: 'Status',
    ask: 'Ask for an exception', questions: 'Questions', codes: REFUSALS,
  },
  ru: {
    blocked: 'Заблокировано', network: 'Эта сеть', checks: 'проверяет передачу файлов в облачные хранилища.', event: 'Событие', rule: 'Правило', status: 'Код ответа',
    ask: 'Запросить исключение', questions: 'Вопросы',
    codes: {
      'policy.blocked': { text: 'Передача файла запрещена политикой.', remedy: ADMIN },
      'recogniser.failed': { text: 'Запрос не удалось разобрать, и он заблокирован.', remedy: ADMIN },
      'restriction.empty': { text: 'Для этого сервиса ещё не разрешена ни одна организация.', remedy: 'Администратор может добавить ту, которую умеет называть ограничение.' },
      'client.not-allowed': { text: 'С этого адреса нельзя пользоваться прокси.', remedy: 'Администратор может добавить его в proxy.clients.' },
      'client.unauthenticated': { text: 'Прокси должен знать, кто вы.', remedy: 'Войдите так, как он просит: по имени и паролю или по билету Kerberos.' },
      'client.too-many-connections': { text: 'С этого адреса открыто слишком много соединений.', remedy: FEWER },
      'client.too-many-tunnels': { text: 'У вас открыто слишком много соединений.', remedy: FEWER },
      'client.too-many-requests': { text: 'У вас выполняется слишком много запросов.', remedy: 'Дождитесь их или спросите администратора о proxy.limits.' },
      'client.unverified': { text: 'Сейчас нельзя проверить, кто вы.', remedy: LATER },
      'client.too-many-attempts': { text: 'Проверяется слишком много попыток входа.', remedy: SOON },
      'request.malformed': { text: 'Запрос составлен неверно.', remedy: 'Исправьте программу, которая его отправила.' },
      'request.too-large-header': { text: 'В запросе слишком много полей заголовка или они слишком велики.', remedy: 'Отправьте меньше cookie или заголовков.' },
      'request.expectation': { text: 'Ожидание запроса нельзя выполнить.', remedy: 'Допускается только Expect: 100-continue.' },
      'request.timeout': { text: 'Данные запроса перестали поступать.', remedy: 'Повторите попытку при более надёжном соединении.' },
      'identity.mismatch': OTHER_HOST,
      'identity.misdirected': OTHER_HOST,
      'destination.port': { text: 'Этот порт через прокси недоступен.', remedy: 'Используйте порт 443 или 80.' },
      'destination.address': { text: 'Этот адрес через прокси недоступен.', remedy: 'Администратор может назвать частные сети в upstream.allow.' },
      'tunnel.opaque': { text: 'Содержимое туннеля не распознано, и он заблокирован.', remedy: 'Администратор может изменить intercept.opaque.' },
      'tunnel.pinned': {
        text: 'Программа этого узла никому не показывает, что отправляет, и заблокирована.', remedy: 'Откройте его веб-страницу или спросите администратора об intercept.pinned.',
      },
      'tunnel.front': { text: 'Это имя обслуживается там же, где облачное хранилище, и содержимое туннеля не видно.', remedy: 'Администратор может изменить intercept.front.' },
      'tunnel.plain-http': { text: 'Узлу, доступному только по TLS, отправлен открытый HTTP.', remedy: 'Используйте https.' },
      'upstream.name': { text: 'Имя узла не найдено.', remedy: 'Проверьте имя.' },
      'upstream.connect': { text: 'Узел недоступен.', remedy: LATER },
      'upstream.timeout': { text: 'Узел не ответил вовремя.', remedy: LATER },
      'upstream.certificate': { text: 'Узел не доказал, кто он, поэтому ему ничего не отправлено.', remedy: ADMIN },
      'upstream.broken': { text: 'Узел закрыл соединение, не ответив.', remedy: LATER },
      'upstream.parent': { text: 'Вышестоящий прокси отклонил соединение.', remedy: ADMIN },
      'proxy.loop': { text: 'Запрос возвращается к этому же прокси.', remedy: 'Администратор может проверить upstream.parent и куда ведёт имя.' },
      'proxy.draining': { text: 'Прокси останавливается.', remedy: SOON },
      'proxy.overloaded': { text: 'Прокси не хватает памяти.', remedy: SOON },
      'proxy.too-many-connections': { text: 'На прокси открыто слишком много соединений.', remedy: LATER },
      'proxy.too-many-tunnels': { text: 'На прокси открыто слишком много соединений.', remedy: LATER },
      'proxy.too-many-requests': { text: 'Прокси выполняет слишком много запросов.', remedy: LATER },
      'proxy.internal': { text: 'В прокси произошла ошибка.', remedy: ADMIN },
    },
  },
}

/** `auto`: of the languages that the browser would read (RFC 9110 §12.5.4), the one that it prefers; English where it is none of them. */
export function chooseLanguage(language: Language | 'auto', acceptLanguage: string | undefined): Language {
  if (language !== 'auto') return language
  let [chosen, best]: [Language, number] = ['en', 0]
  for (const { value, weight } of readWeighted((acceptLanguage ?? '').slice(0, 1_000))) {
    const known = LANGUAGES.find((one) => value === one || value.startsWith(`${one}-`))
    if (known !== undefined && weight > best) [chosen, best] = [known, weight]
  }
  return chosen
}
