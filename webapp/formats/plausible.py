"""How plausible a text is that bytes decode to: what tells encodings apart in files with a few words beyond ASCII.

Encodings of East Asia order their characters by how common they are, so a wrong one yields rare characters. In those of
alphabets a wrong one mixes cases and scripts, or takes letters where words are written in ASCII.
"""

import re
from collections.abc import Callable
from unicodedata import category

_COMMON_CHINESE = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进"
    "好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己"
    "制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活更别打女变四神总何电数安少报才结反受目太量再感建"
    "务做接必场件计管期市直德资命山金指许统区保至队形社便空决治展马科司五基书非则白界达光放强即像难权思王完设式色路记南品住告类求据程北边张该交规万取格术领共确传师清院"
    "京州江湖河港县省街村姓编号城价单龄址"
)
_COMMON_TRADITIONAL = (
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還進"
    "好小部其些主樣理心她本前開但因只從想實日軍者意無力它與長把機十民第公此已工使情明性知全三又關點正業外將兩高間由問很最重並物手應戰向頭文體政美相見被利什二等產或新己"
    "制身果加西斯月話合回特代內信表化老給世位次度門任常先海通教兒原東聲提立及比員解水名真論處走義各入幾口認條平系氣題活更別打女變四神總何電數安少報才結反受目太量再感建"
    "務做接必場件計管期市直德資命山金指許統區保至隊形社便空決治展馬科司五基書非則白界達光放強即像難權思王完設式色路記南品住告類求據程北邊張該交規萬取格術領共確傳師清院"
    "京州江湖河港縣省街村姓編號城價單齡址台灣雄"
)
_COMMON_JAPANESE = (
    "日一国人年大十二本中長出三同時政事自行社見月分議後前民生連五発間対上部東者党地合市業内相方四定今回新場金員九入選立開手米力学問高代明実円関決子動京全目表戦経通外最"
    "言氏現理調体化田当八六約主題下首意法不来作性的要用制治度務強気小七成期公野協取都和統以機平総加山思家話世受区領多県続進正安設保改数記院女初北午指権心界支第産結百派点"
    "教報済書府活原先共得解名交資予川向際査勝面委告軍文反元重近千考判認画海参売利組知案道信策集在件団別物側任引使求所次水半品論計死官増係感特情投示変打男基私各始島直両朝"
    "価式確村提運終果西勢台広容必応演電歳住争談能無再位置企真流格有口過局少放税検藤町常校料沢状工建語球営空職土与急止送供可役構木割聞身費付切由説転食比難車優夫研収断井何"
    "南石足神番規術護展態備宅配副算視条独警宮育席楽起万着乗店線率病農州武質試族銀域助労例早張親額環商葉形景落好準造英株頭技低毎医味差個門写評課末守若種美岡影命福量望松佐"
    "型白深字夜製音様財港注阪札幌崎齢姓仙"
)
_COMMON_KOREAN = (
    "이다는을가의에를은도고하지로기자사리나대한어시아서인수부정일해라제주원스만그보장전구상과마여동오비소조관산경성공국안유신화연선호우김박최강윤임울천광년월회생학교업명름번"
    "게거들것있없면니러세내중무용결양모금더방발실문미물계개추단분식법재통행체본요적영심위차입민출현와습니"
)
_MANY_BYTES = 400  # beyond ASCII: a detector of encodings by statistics does better then
_MIN_SCORE = 0.55
_MARGIN = 0.1  # by which another script must be more plausible than accents
_USUAL_SYMBOLS = "\xa0§°²³µ·½¼¾«»‘’“”„–—…€£©®™×ºª¿¡•№"
_TOP_LETTERS = {"CYRILLIC": "оеаинтсрвлкі", "GREEK": "αοιετσνηυρίάόέή", "HEBREW": "יוהלארתבמנשם"}
_WORD = re.compile(r"[^\W\d_]+")


def guess(sample: bytes) -> str:
    """The codec of a short text of Chinese, Japanese, Korean or another script than Latin; empty if it is none."""
    if sum(byte > 127 for byte in sample) > _MANY_BYTES:
        return ""
    scores = {codec: _score(sample, codec, weigh) for codec, weigh in _CODECS.items()}
    best = max(scores, key=scores.__getitem__)
    return best if scores[best] >= max(_MIN_SCORE, scores["cp1252"] + _MARGIN) else ""


def is_plausible(text: str) -> bool:
    """Whether nearly all characters are assigned and printable, with line ends between them."""
    odd = sum(category(character) in ("Cn", "Co", "Cs") or (category(character) == "Cc" and character not in "\t\r\n")
              for character in text)  # fmt: skip
    rare = sum("\u3400" <= character <= "\u4dbf" or "\ua000" <= character <= "\uabff" for character in text)
    return "\n" in text and odd + rare <= len(text) / 50


def _score(sample: bytes, codec: str, weigh: Callable[[str, str], list[float]]) -> float:
    """The average weight of the characters beyond ASCII, from 0 to 1; bytes that are nothing count heavily."""
    text = sample.decode(codec, "replace")
    weights = weigh(text, codec)
    broken = text.count("\ufffd")
    return sum(weights) / len(weights) - min(1.0, 3 * broken / len(weights)) if weights else 0.0


def _weigh_characters(common: str) -> Callable[[str, str], list[float]]:
    """For the encodings of East Asia. A character right beside an ASCII letter is rarely one."""
    frequent = frozenset(common)

    def weigh(text: str, codec: str) -> list[float]:
        weights = []
        for index, character in enumerate(text):
            if character.isascii() or character == "\ufffd":
                continue
            beside = text[index - 1 : index] + text[index + 1 : index + 2]
            weight = 1.0 if character in frequent else _rank(character, codec)
            weights.append(weight * (0.4 if any(map(_is_ascii_letter, beside)) else 1.0))
        return weights

    return weigh


def _is_ascii_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()


# Lead bytes of the common characters, which each of these standards puts first.
_COMMON_LEADS = {
    "cp932": range(0x88, 0x99),
    "euc_jp": range(0xB0, 0xD0),
    "gb18030": range(0xB0, 0xD8),
    "cp950": range(0xA4, 0xC7),
    "cp949": range(0xB0, 0xC9),
}


def _rank(character: str, codec: str) -> float:
    if "\u3041" <= character <= "\u30ff":
        return 0.95 if codec in ("cp932", "euc_jp") else 0.1
    if "\uff61" <= character <= "\uff9f":
        return 0.3  # half-width Japanese: a single byte each, so anything looks like it
    if "\u3000" <= character <= "\u303f" or "\uff01" <= character <= "\uff5e":
        return 0.7
    data = character.encode(codec, "ignore")
    is_standard = len(data) == 2 and (data[1] >= 0xA1 or codec in ("cp932", "cp950"))
    if not is_standard or not character.isalpha():
        return 0.05
    if codec == "cp949" and not "\uac00" <= character <= "\ud7a3":
        return 0.1
    return 0.7 if data[0] in _COMMON_LEADS[codec] else 0.15


def _weigh_letters(first: str, last: str, script: str) -> Callable[[str, str], list[float]]:
    """For alphabets: words of one script, all in lower case, capitalised or in capitals, of its usual letters."""
    top = _TOP_LETTERS.get(script, "")

    def weigh(text: str, codec: str) -> list[float]:
        weights: list[float] = []
        for word in _WORD.findall(text):
            beyond = [letter for letter in word if letter.isalpha() and not letter.isascii()]
            if not beyond:
                continue
            weight = 0.9 if all(first <= letter <= last for letter in word) else 0.05
            if not (word.islower() or word.istitle() or word.isupper() or word.lower() == word.upper()):
                weight *= 0.1
            elif word.isupper() and len(word) > 1 and script != "HEBREW" and word.lower() != word:
                weight *= 0.85
            if codec == "iso8859-5":
                weight *= 0.8  # hardly used, and its letters are where others have symbols
            if top:
                usual = sum(letter in top for letter in word.lower()) / len(word)
                weight *= 0.45 + 0.55 * min(1.0, usual / 0.6)
            weights += [weight] * len(beyond)
        symbols = [c for c in text if not c.isascii() and not c.isalpha() and c != "\ufffd"]
        return weights + [0.6 if symbol in _USUAL_SYMBOLS else 0.05 for symbol in symbols]

    return weigh


def _weigh_accents(text: str, _codec: str) -> list[float]:
    """For Latin: letters beyond ASCII are few in a word, and in the case of their neighbours."""
    weights: list[float] = []
    for word in _WORD.findall(text):
        beyond = [letter for letter in word if letter.isalpha() and not letter.isascii()]
        if not beyond:
            continue
        is_regular = word.islower() or word.isupper() or word[1:].islower()
        share = len(beyond) / len(word)
        density = 1.0 if share <= 0.5 or len(word) == 1 else 0.6 if len(word) <= 3 else 0.3
        weights += [density * (1.0 if is_regular else 0.2)] * len(beyond)
    symbols = [c for c in text if not c.isascii() and not c.isalpha() and c != "\ufffd"]
    return weights + [0.7 if symbol in _USUAL_SYMBOLS else 0.1 for symbol in symbols]


_CODECS: dict[str, Callable[[str, str], list[float]]] = {
    "cp1252": _weigh_accents,
    "cp932": _weigh_characters(_COMMON_JAPANESE),
    "euc_jp": _weigh_characters(_COMMON_JAPANESE),
    "gb18030": _weigh_characters(_COMMON_CHINESE),
    "cp950": _weigh_characters(_COMMON_TRADITIONAL),
    "cp949": _weigh_characters(_COMMON_KOREAN),
    "cp1251": _weigh_letters("\u0400", "\u0491", "CYRILLIC"),
    "koi8-r": _weigh_letters("\u0400", "\u0491", "CYRILLIC"),
    "cp866": _weigh_letters("\u0400", "\u0491", "CYRILLIC"),
    "iso8859-5": _weigh_letters("\u0400", "\u0491", "CYRILLIC"),
    "cp1253": _weigh_letters("\u0370", "\u03ff", "GREEK"),
    "cp1255": _weigh_letters("\u05d0", "\u05ea", "HEBREW"),
}
