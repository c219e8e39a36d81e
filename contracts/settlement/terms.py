"""One table from our English terms to the national field names and the Chinese words.

Code, answers and documents use the English term; interfaces to hospitals use the national field;
screens and statements show the Chinese word. A test checks every national name and code here
against the published tables of the designated-institution interface (V1.1.27).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Term:
    """One notion of the field."""

    name: str
    """Our term, as in code; amounts are in fen and end in ``_fen`` there."""
    national: str
    """Field name of the national interface, empty where it has none."""
    chinese: str
    meaning: str


AMOUNTS: tuple[Term, ...] = (
    Term("total", "medfee_sumamt", "医疗费总额", "the whole bill"),
    Term("own_expense", "fulamt_ownpay_amt", "全自费", "outside the catalogue or its restriction"),
    Term("over_ceiling", "overlmt_selfpay", "超限价自费", "above the price ceiling of the place"),
    Term(
        "first_pay", "preselfpay_amt", "先行自付", "share of a class-02 line the person pays first"
    ),
    Term("in_scope", "inscp_scp_amt", "符合政策范围", "what the benefits are computed on"),
    Term("deductible", "act_pay_dedc", "实际起付线", "deductible applied in this settlement"),
    Term("funds", "fund_pay_sumamt", "基金支付总额", "paid by all insurance funds"),
    Term("basic_fund", "hifp_pay", "基本医保统筹基金", "paid by the basic pooled fund"),
    Term("civil_servant", "cvlserv_pay", "公务员医疗补助", "paid by the civil servants' subsidy"),
    Term("enterprise", "hifes_pay", "企业补充医疗保险", "paid by the enterprise supplement"),
    Term(
        "critical_illness", "hifmi_pay", "居民大病保险", "paid by residents' critical-illness cover"
    ),
    Term("large_amount", "hifob_pay", "职工大额补助", "paid by employees' large-amount subsidy"),
    Term(
        "disabled_veterans", "hifdm_pay", "伤残人员医疗保障", "paid by the disabled veterans' fund"
    ),
    Term("assistance", "maf_pay", "医疗救助", "paid by medical assistance, tilt included"),
    Term("other_funds", "oth_pay", "其他基金", "paid by other funds"),
    Term(
        "hospital_share", "hosp_part_amt", "医院负担", "borne by the institution, never the person"
    ),
    Term(
        "person",
        "psn_part_amt",
        "个人负担",
        "the person's part; the national field adds commercial",
    ),
    Term("account", "acct_pay", "个人账户", "paid from the personal account, relatives' included"),
    Term("family", "acct_mulaid_pay", "账户共济", "of it from an authorised relative's account"),
    Term(
        "cash",
        "psn_cash_pay",
        "个人现金",
        "paid in cash; the national field adds credit, commercial",
    ),
    Term("credit", "", "信用就医", "drawn on a bank's credit line"),
    Term("commercial", "", "商业保险", "paid by commercial cover"),
)

FIELDS: tuple[Term, ...] = (
    Term("person_id", "psn_no", "人员编号", "pseudonym of the insured person"),
    Term("scheme", "insutype", "险种", "310 employee, 390 resident"),
    Term("category", "psn_type", "人员类别", "active, retired, student and so on"),
    Term("identity_type", "psn_idet_type", "人员身份", "grades of need and of merit"),
    Term("sex", "gend", "性别", "male, female, unknown"),
    Term("home_area", "insuplc_admdvs", "参保地", "pooling area of insurance"),
    Term("care_region", "mdtrtarea_admvs", "就医地", "district of the institution"),
    Term("institution", "fixmedins_code", "定点医药机构", "hospital or pharmacy"),
    Term("hospital_level", "hosp_lv", "医院等级", "national code 1 to 14"),
    Term("deductible_level", "dedc_hosp_lv", "起付线医院等级", "1, 2, 3, else 0 here"),
    Term("care_kind", "med_type", "医疗类别", "kind of care"),
    Term("item_code", "med_list_codg", "医疗目录编码", "national code of a charge line"),
    Term("item_class", "chrgitm_lv", "收费项目等级", "01, 02 or 03"),
    Term("unit_price", "pric", "单价", "millionths of a yuan here"),
    Term("quantity", "cnt", "数量", "ten-thousandths here"),
    Term("line_amount", "det_item_fee_sumamt", "明细项目费用总额", "amount of a charge line"),
    Term("first_pay_ratio", "selfpay_prop", "先自付比例", "share paid first of a class-02 line"),
    Term("ceiling", "hilist_pric_uplmt_amt", "医保支付上限", "highest unit price that counts"),
    Term("restricted", "lmt_used_flag", "限制使用标志", "payable only for a stated indication"),
    Term("confirmation", "hosp_appr_flag", "医院审批标志", "practitioner's word that it is met"),
    Term("department", "bilg_dept_codg", "开单科室编码", "institution's code, of a charge line"),
    Term("maternity", "birctrl_type", "生育类别", "delivery or birth control of a maternity visit"),
    Term("chronic_disease", "dise_codg", "慢特病病种", "disease of a chronic entitlement"),
    Term("filing_id", "trt_dcla_detl_sn", "待遇申报明细流水号", "opaque, at most 30 characters"),
    Term("fund_type", "fund_pay_type", "基金支付类型", "which fund pays"),
    Term("certificate", "mdtrt_cert_type", "就诊凭证类型", "01 code, 02 identity card, 03 card"),
)

TERMS: Mapping[str, Term] = MappingProxyType({t.name: t for t in AMOUNTS + FIELDS})
"""Every term by our name."""


@dataclass(frozen=True, slots=True)
class Fund:
    """Something that pays in a settlement: a row of the table of payers."""

    code: str
    """Code of the national list ``fund_pay_type``; ``commercial`` is ours."""
    name: str
    chinese: str
    payer: str
    """``fund``, ``commercial`` or ``waiver`` (the institution waives its claim)."""
    base: str
    """What it may pay of unless a payment says otherwise: ``in_scope`` or ``total``."""
    amount: str
    """The term of ``AMOUNTS`` its payment is summed under."""


PAYER_FUND, PAYER_COMMERCIAL, PAYER_WAIVER = "fund", "commercial", "waiver"
BASE_IN_SCOPE, BASE_OUT_OF_SCOPE, BASE_TOTAL = "in_scope", "out_of_scope", "total"
BASES = (BASE_IN_SCOPE, BASE_OUT_OF_SCOPE, BASE_TOTAL)

COMMERCIAL = "commercial"
PERSONAL_ACCOUNT = "310200"


def _fund(code: str, name: str, chinese: str, amount: str, base: str = BASE_IN_SCOPE) -> Fund:
    return Fund(code, name, chinese, PAYER_FUND, base, amount)


_FUND_ROWS: tuple[Fund, ...] = (
    _fund("310100", "employee pooled fund", "职工基本医保统筹基金", "basic_fund"),
    _fund("310102", "employee outpatient pool", "职工门诊统筹基金", "basic_fund"),
    _fund("310300", "employee critical illness", "职工大病补助基金", "large_amount"),
    _fund("320100", "civil servants' subsidy", "公务员医疗补助基金", "civil_servant"),
    _fund("330100", "large-amount subsidy", "大额医疗费用补助基金", "large_amount"),
    _fund("340100", "veteran cadres' fund", "离休人员医疗保障基金", "other_funds", BASE_TOTAL),
    _fund("350100", "disabled veterans' fund", "一至六级残疾军人医疗补助", "disabled_veterans"),
    _fund("370100", "enterprise supplement", "企业补充医疗保险基金", "enterprise", BASE_TOTAL),
    _fund("390100", "resident pooled fund", "城乡居民基本医保基金", "basic_fund"),
    _fund("390102", "resident outpatient pool", "居民门诊统筹基金", "basic_fund"),
    _fund("390200", "resident critical illness", "城乡居民大病保险基金", "critical_illness"),
    _fund("390300", "critical-illness supplement", "城乡居民大病补充保险", "critical_illness"),
    _fund("390400", "resident accident fund", "居民意外伤害基金", "other_funds"),
    _fund("510100", "maternity fund", "生育基金", "other_funds"),
    _fund("610100", "medical assistance", "医疗救助基金", "assistance"),
    _fund("610200", "entitled groups' subsidy", "优抚对象医疗补助基金", "other_funds"),
    _fund("620100", "targeted relief cover", "特惠保补偿金", "other_funds", BASE_TOTAL),
    _fund(
        "999109", "rural low-income supplement", "农村低收入人口补充保险", "other_funds", BASE_TOTAL
    ),
    _fund("999997", "other fund", "其他基金", "other_funds", BASE_TOTAL),
    Fund("630100", "hospital waiver", "医院减免金", PAYER_WAIVER, BASE_TOTAL, "hospital_share"),
    Fund(
        COMMERCIAL, "commercial cover", "商业健康保险", PAYER_COMMERCIAL, BASE_TOTAL, "commercial"
    ),
)

FUNDS: Mapping[str, Fund] = MappingProxyType({f.code: f for f in _FUND_ROWS})
"""Who may appear in a policy's payments (RULES.md section 4.4). The personal account (310200) is
not here: the engine pays from it, a policy only limits it. The prepayment types 310101 and 390101
are clearing accounts, not payers."""

SCHEMES: Mapping[str, Term] = MappingProxyType(
    {
        "310": Term("employee", "310", "职工基本医疗保险", "insured through employment"),
        "390": Term("resident", "390", "城乡居民基本医疗保险", "all other residents"),
    }
)

ITEM_CLASSES: Mapping[str, Term] = MappingProxyType(
    {
        "01": Term("class_a", "01", "甲类", "in scope as a whole"),
        "02": Term("class_b", "02", "乙类", "the person first pays a share"),
        "03": Term("class_c", "03", "丙类", "the person's own expense"),
    }
)


def _codes(*rows: tuple[str, str, str]) -> Mapping[str, Term]:
    return MappingProxyType({n: Term(n, code, zh, n.replace("_", " ")) for n, code, zh in rows})


CARE_KINDS = _codes(
    ("inpatient", "2101", "普通住院"),
    ("outpatient", "11", "普通门诊"),
    ("emergency", "13", "急诊"),
    ("emergency_rescue", "1301", "急诊抢救"),
    ("chronic", "14", "门诊慢特病"),
    ("special_drug", "18", "特药购药"),
    ("pharmacy", "41", "定点药店购药"),
    ("single_disease", "2102", "单病种住院"),
    ("trauma_inpatient", "22", "外伤住院"),
    ("trauma_outpatient", "9903", "意外伤害门诊"),
    ("day_surgery", "28", "日间手术"),
    ("two_diseases", "9901", "门诊两病"),
    ("home_bed", "71", "家庭病床"),
    ("maternity_outpatient", "51", "生育门诊"),
    ("maternity_inpatient", "52", "生育住院"),
)
"""Kinds of care -> national ``med_type``."""

INPATIENT_KINDS = frozenset(
    (
        "inpatient",
        "single_disease",
        "trauma_inpatient",
        "day_surgery",
        "home_bed",
        "maternity_inpatient",
    )
)
"""Kinds that are a stay: each counts as an admission of the benefit year."""

MATERNITY_KINDS = ("maternity_outpatient", "maternity_inpatient")
MATERNITY = _codes(
    ("natural_delivery", "2106", "平产"),
    ("caesarean", "2107", "剖宫产"),
    ("iud_insertion", "1", "放置宫内节育器"),
    ("iud_removal", "2", "取出宫内节育器"),
    ("abortion", "3", "流产术"),
    ("induced_labour", "4", "引产术"),
    ("sterilisation", "5", "绝育手术"),
    ("sterilisation_reversal", "6", "绝育复通手术"),
    ("vasectomy", "7", "绝育手术(输精管)"),
    ("vasectomy_reversal", "8", "绝育复通手术(输精管)"),
    ("other_birth_control", "9", "其他计划生育手术"),
)
"""What a maternity visit was for: by the two ``med_type`` of a delivery, and ``birctrl_type``
(计划生育手术类别). A fixed sum for each of them is the usual rule."""

CHECK_UP = "check_up"
"""A health check-up (体检): asked for at counters, insured by no fund, and without a national code.
It can be named so that the refusal can say what it is; no policy is ever asked about it."""

CATEGORIES = _codes(
    ("active", "11", "在职"),
    ("retired", "12", "退休"),
    ("veteran_cadre", "13", "离休"),
    ("newborn", "1401", "新生儿"),
    ("preschool", "1402", "学龄前儿童"),
    ("pupil", "1403", "中小学生"),
    ("student", "1404", "大学生"),
    ("minor", "1405", "未成年（未入学）"),
    ("adult", "15", "居民（成年）"),
    ("elderly", "16", "居民（老年）"),
    ("resident", "1701", "城乡居民"),
    ("other", "99", "其他"),
)
"""Categories of the insured -> national ``psn_type``."""

IDENTITY_TYPES = _codes(
    ("extreme_poverty", "2304", "特困救助对象"),
    ("minimum_living", "2303", "低保救助对象"),
    ("low_income", "2305", "低收入救助对象"),
    ("registered_poor", "2302", "建档立卡贫困人员"),
    ("illness_poverty", "2306", "因病致贫救助对象（含重特大疾病人员）"),
    ("no_support", "2301", "三无人员"),
    ("five_guarantees", "2307", "农村五保户"),
    ("disabled", "2308", "残疾人员"),
    ("assistance", "23", "医疗救助人员"),
    ("entitled_group", "21", "优抚人员"),
    ("soldier_family", "2401", "现役军人家属"),
)
"""Identity types that change benefits -> national ``psn_idet_type``."""

IDENTITY_TYPES_MAX = 20
"""Of one person, in a case."""

SEXES = _codes(("male", "1", "男"), ("female", "2", "女"), ("unknown", "0", "未知"))

FILING_TYPES: Mapping[str, Term] = MappingProxyType(
    {
        "none": Term("none", "", "未备案", "no filing reaches this visit"),
        "retired_elsewhere": Term("retired_elsewhere", "", "异地安置退休", "long-term"),
        "living_elsewhere": Term("living_elsewhere", "", "异地长期居住", "long-term"),
        "posted_elsewhere": Term("posted_elsewhere", "", "常驻异地工作", "long-term"),
        "referral": Term("referral", "", "异地转诊", "temporary"),
        "emergency": Term("emergency", "", "异地急诊抢救", "temporary, deemed filed"),
        "other": Term("other", "", "其他临时外出就医", "temporary"),
    }
)
"""Filing types of the 2022 national rule, article 7; the meaning starts with the group."""

_LEVEL_OF_CODE: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(("1", "2", "3", "4", "12"), 3),
        **dict.fromkeys(("5", "6", "7", "13"), 2),
        **dict.fromkeys(("8", "9", "10", "14"), 1),
        "11": 0,
    }
)


def level_of(hospital_level_code: str) -> int:
    """Level 1, 2 or 3 of a national ``hosp_lv`` code (``"2"`` is 3A, so 3); 0 for unrated."""
    return _LEVEL_OF_CODE.get(hospital_level_code, 0)


def filing_group(filing_type: str) -> str:
    """``none``, ``long_term`` or ``temporary``: what most policies ask about a filing."""
    if filing_type == "none":
        return "none"
    long_term = ("retired_elsewhere", "living_elsewhere", "posted_elsewhere")
    return "long_term" if filing_type in long_term else "temporary"


def own_term(table: Mapping[str, Term], word: str) -> str:
    """Our term for ``word``, which may be the national code; unknown words stay as they are."""
    if word in table:
        return word
    for name, term in table.items():
        if term.national == word:
            return name
    return word
