-- Three years of a company's learning: 5,200 learners in 14 departments, 48 courses, some 65,000 enrolments.
--
-- Nothing is random: every choice is a hash of a row's own key, so the same day always gives the same rows, on any
-- server. "Today" is current_date, or what `set learning.today = '2026-11-22'` says; the data goes back 36 whole months
-- from the first of today's month, so period words such as "last quarter" have rows whenever the pack is loaded, and
-- within a month a later load only adds the days that have passed.
--
-- What to find in it: a wave of enrolments each January and September and a trough in July and August; growth from year
-- to year; compliance courses finished by nearly all, long technical ones by half; departments that differ.

begin;
-- Compiling these statements takes longer than running them.
set local jit = off;
set local work_mem = '64MB';

-- A number in [0, 1) that depends on nothing but its key and its salt. hashint8extended also places the rows of hash
-- partitions, so its values never change between versions of Postgres.
create function pg_temp.chance(key bigint, salt bigint) returns float8 language sql immutable as
$$ select (hashint8extended($1, $2) & 4294967295)::float8 / 4294967296 $$;

insert into learning.made_for
select coalesce(nullif(current_setting('learning.today', true), '')::date, current_date);

-- Departments ---------------------------------------------------------------------------------------------------------
-- size: learners; zeal: added to the chance that a course gets finished; pull: how much of the learning goes there.

create temp table department_traits on commit drop as
select id::smallint, name, size, zeal::float8, pull::float8
from (values
  ( 1, 'Customer Care',    900, -0.02, 1.00), ( 2, 'Operations',      850,  0.00, 0.85),
  ( 3, 'Sales',            700, -0.09, 0.95), ( 4, 'Engineering',     620,  0.05, 1.00),
  ( 5, 'Logistics',        600, -0.06, 0.75), ( 6, 'IT Services',     260,  0.07, 1.00),
  ( 7, 'Finance',          240,  0.08, 0.95), ( 8, 'Marketing',       210, -0.03, 0.95),
  ( 9, 'Quality',          190,  0.12, 1.00), (10, 'Research',        180,  0.02, 0.90),
  (11, 'Human Resources',  130,  0.10, 1.00), (12, 'Facilities',      120, -0.12, 0.65),
  (13, 'Procurement',      110,  0.01, 0.85), (14, 'Legal',            90,  0.09, 0.80)
) as d (id, name, size, zeal, pull);

insert into learning.departments
select id, name, 'CC-' || (4000 + id * 10) from department_traits;

-- Learners ------------------------------------------------------------------------------------------------------------
-- Two lists of names per office, so that surnames agree with first names where the language has it so.

create temp table names on commit drop as
select row_number() over () - 1 as id, office, string_to_array(first, ' ') as first, string_to_array(last, ' ') as last
from (values
  ('Leeds', 'Olivia Amelia Isla Ava Grace Freya Lily Emily Ivy Sophie Ruby Alice Evie Charlotte Imogen Harriet',
   'Hughes Walker Wright Robinson Thompson Green Hall Wood Clarke Jackson Turner Cooper Ward Morris Khan O’Neill Bennett Shaw Price Ellis'),
  ('Leeds', 'Oliver George Arthur Noah Harry Leo Jack Charlie Oscar Jacob Henry Thomas Freddie Samuel Adam Callum',
   'Hughes Walker Wright Robinson Thompson Green Hall Wood Clarke Jackson Turner Cooper Ward Morris Khan O’Neill Bennett Shaw Price Ellis'),
  ('Vienna', 'Anna Lena Sophie Marie Johanna Magdalena Käthe Theresa Elisabeth Katharina Mia Valentina Zoë Ursula Jana Hannah',
   'Gruber Huber Bauer Wagner Müller Pichler Steiner Moser Mayer Hofer Leitner Berger Fuchs Eder Fischer Größl Weiß Köck Jäger Höllerer'),
  ('Vienna', 'Lukas Maximilian Jakob Felix Paul Elias Jürgen Tobias Florian Günther Simon Matthias Stefan Sebastian Björn Raphael',
   'Gruber Huber Bauer Wagner Müller Pichler Steiner Moser Mayer Hofer Leitner Berger Fuchs Eder Fischer Größl Weiß Köck Jäger Höllerer'),
  ('Lyon', 'Camille Léa Manon Chloé Inès Zoé Hélène Aurélie Anaïs Françoise Élodie Juliette Margaux Noémie Céline Maëlle',
   'Martin Bernard Dubois Lefèvre Moreau Garnier François Mercier Béranger Guérin Boyer Chevalier Perrin Clément Gauthier Lemaître Faÿ Noël Bénard L’Hôte'),
  ('Lyon', 'Jules Hugo Théo Loïc Étienne Raphaël Maxence Jérôme Benoît Gaël Aurélien Rémi Sébastien Mathis François Côme',
   'Martin Bernard Dubois Lefèvre Moreau Garnier François Mercier Béranger Guérin Boyer Chevalier Perrin Clément Gauthier Lemaître Faÿ Noël Bénard L’Hôte'),
  ('Kraków', 'Zofia Hanna Julia Małgorzata Agnieszka Łucja Żaneta Katarzyna Barbara Wiktoria Bożena Grażyna Ewa Jadwiga Kinga Róża',
   'Kowalska Wiśniewska Wójcik Kamińska Zielińska Szymańska Woźniak Dąbrowska Kozłowska Mazur Krawczyk Piotrowska Grabowska Pawłowska Gąska Żak Król Wróbel Sikorska Źrebiec'),
  ('Kraków', 'Jakub Antoni Szymon Michał Łukasz Paweł Wojciech Grzegorz Józef Stanisław Mikołaj Tomasz Przemysław Krzysztof Bartłomiej Kazimierz',
   'Kowalski Wiśniewski Wójcik Kamiński Zieliński Szymański Woźniak Dąbrowski Kozłowski Mazur Krawczyk Piotrowski Grabowski Pawłowski Gąska Żak Król Wróbel Sikorski Źrebiec'),
  ('Brno', 'Tereza Eliška Adéla Kateřina Markéta Šárka Zdeňka Barbora Anežka Věra Růžena Jiřina Dominika Žofie Ludmila Alžběta',
   'Nováková Svobodová Dvořáková Černá Procházková Kučerová Veselá Horáková Němcová Marková Pokorná Králová Růžičková Benešová Fialová Šťastná Říhová Čížková Ďuríková Jonášová'),
  ('Brno', 'Jakub Ondřej Vojtěch Matěj Tomáš Jiří Zdeněk Lukáš Štěpán František Radek Dušan Kryštof Vít Čeněk Luboš',
   'Novák Svoboda Dvořák Černý Procházka Kučera Veselý Horák Němec Marek Pokorný Král Růžička Beneš Fiala Šťastný Říha Čížek Ďurík Jonáš'),
  ('Lisbon', 'Maria Leonor Matilde Beatriz Inês Mariana Conceição Sofia Luísa Joana Graça Teresa Mafalda Benedita Íris Assunção',
   'Silva Santos Ferreira Pereira Oliveira Gonçalves Simões Araújo Magalhães Conceição Falcão Brandão Tomé Avó Peixoto Guimarães Leão Nóbrega Sá Luís'),
  ('Lisbon', 'João Afonso Tomás Duarte Simão Gonçalo Sebastião Martim António Luís Estêvão Rúben Fábio Hélder Vítor Jordão',
   'Silva Santos Ferreira Pereira Oliveira Gonçalves Simões Araújo Magalhães Conceição Falcão Brandão Tomé Avó Peixoto Guimarães Leão Nóbrega Sá Luís'),
  ('Malmö', 'Alva Märta Åsa Elsa Saga Ebba Linnéa Astrid Freja Siv Maj Solveig Ylva Ingrid Signe Tuva',
   'Andersson Lindström Öberg Åkesson Sjöberg Björk Nyström Hägglund Söderlund Ek Holmgren Lundqvist Sandström Törnqvist Bäckman Wåhlin Ström Håkansson Dahl Fält'),
  ('Malmö', 'Nils Åke Göran Lars Björn Sören Axel Pär Håkan Rune Gustav Elof Torbjörn Måns Sixten Östen',
   'Andersson Lindström Öberg Åkesson Sjöberg Björk Nyström Hägglund Söderlund Ek Holmgren Lundqvist Sandström Törnqvist Bäckman Wåhlin Ström Håkansson Dahl Fält'),
  ('Sofia', 'Мария Елена Виктория Десислава Надежда Цветелина Йорданка Гергана Радка Снежана Яна Биляна Людмила Теодора Калина Ралица',
   'Иванова Георгиева Димитрова Петрова Николова Стоянова Христова Тодорова Илиева Ангелова Маринова Василева Йорданова Цветкова Желязкова Щерева Бойчева Юрукова Колева Чолакова'),
  ('Sofia', 'Георги Иван Димитър Николай Борислав Красимир Цветан Йордан Пламен Любомир Стефан Явор Тодор Владимир Емил Живко',
   'Иванов Георгиев Димитров Петров Николов Стоянов Христов Тодоров Илиев Ангелов Маринов Василев Йорданов Цветков Желязков Щерев Бойчев Юруков Колев Чолаков'),
  ('Athens', 'Μαρία Ελένη Κατερίνα Σοφία Βασιλική Γεωργία Αγγελική Ιωάννα Δήμητρα Χριστίνα Ευαγγελία Αναστασία Θεοδώρα Ζωή Φωτεινή Ξένια',
   'Παπαδοπούλου Γεωργίου Οικονόμου Παππά Δημητρίου Νικολάου Κωνσταντίνου Ιωάννου Βλάχου Αγγελοπούλου Αθανασίου Χριστοδούλου Σταματίου Μακρή Θεοδώρου Ζαχαρίου Ξενάκη Φωτίου Ψαρρά Λαμπρίδη'),
  ('Athens', 'Γιώργος Δημήτρης Κωνσταντίνος Γιάννης Νίκος Χρήστος Παναγιώτης Βασίλης Αθανάσιος Μιχάλης Ευάγγελος Σπύρος Αντώνης Θεόδωρος Ηλίας Άρης',
   'Παπαδόπουλος Γεωργίου Οικονόμου Παππάς Δημητρίου Νικολάου Κωνσταντίνου Ιωάννου Βλάχος Αγγελόπουλος Αθανασίου Χριστοδούλου Σταματίου Μακρής Θεοδώρου Ζαχαρίου Ξενάκης Φωτίου Ψαρράς Λαμπρίδης'),
  ('Amman', 'مريم فاطمة نور ليلى سلمى هدى رنا دانا زينب ياسمين سارة آمنة رحاب لينا شذى خديجة',
   'الخطيب حداد النجار العمري الحسيني المصري القاسم الزعبي عبيدات الشريف منصور خليل الطراونة سلامة الكيلاني درويش ياسين المجالي صالح الأيوبي'),
  ('Amman', 'محمد أحمد عمر علي خالد يوسف إبراهيم طارق سامر رامي زيد حمزة كريم ماهر بلال أيمن',
   'الخطيب حداد النجار العمري الحسيني المصري القاسم الزعبي عبيدات الشريف منصور خليل الطراونة سلامة الكيلاني درويش ياسين المجالي صالح الأيوبي'),
  ('Pune', 'अनन्या प्रिया श्रुती स्नेहा ऋतुजा मृणाल वैष्णवी कृतिका सायली अश्विनी ज्योती पूर्वा रुक्मिणी तृप्ती मेघना शर्वरी',
   'कुलकर्णी देशमुख जोशी पाटील शिंदे जाधव गायकवाड चव्हाण फडके गोखले साठे राणे दीक्षित शर्मा त्रिपाठी श्रीवास्तव मिश्रा चतुर्वेदी अय्यर द्विवेदी'),
  ('Pune', 'अमित राहुल संदीप श्रीकृष्ण विश्वास प्रसाद निखिल रोहन आदित्य सिद्धार्थ मंगेश हर्षवर्धन ओंकार यशवंत ज्ञानेश्वर क्षितिज',
   'कुलकर्णी देशमुख जोशी पाटील शिंदे जाधव गायकवाड चव्हाण फडके गोखले साठे राणे दीक्षित शर्मा त्रिपाठी श्रीवास्तव मिश्रा चतुर्वेदी अय्यर द्विवेदी'),
  -- Where the family name comes first, it stands in the first list.
  ('Osaka', '佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村 小林 加藤 吉田 山田 佐々木 山口 松本 井上',
   '陽菜 さくら 美咲 結衣 葵 由美子 恵子 真由美 花子 あかり 太郎 健一 翔太 大輔 直樹 誠 浩二 蓮 悠斗 一郎')
) as n (office, first, last);

insert into learning.learners
with numbered as (
  -- Shuffled over the departments, so that neighbouring numbers are not colleagues.
  select row_number() over (order by pg_temp.chance(d.id * 1000 + place, 1))::integer as id, d.id as department_id
  from department_traits d, generate_series(1, d.size) place
), hired as (
  select
    id,
    department_id,
    pg_temp.chance(id, 2) as office,
    -- Half of the people came within the last five years.
    (select day from learning.made_for) - 20 - (5200 * power(pg_temp.chance(id, 3), 1.7))::integer as hired_on,
    pg_temp.chance(id, 4) as fate
  from numbered
)
select
  h.id,
  'L' || lpad((100000 + h.id)::text, 6, '0'),
  n.first[1 + floor(pg_temp.chance(h.id, 5) * cardinality(n.first))] || ' '
    || n.last[1 + floor(pg_temp.chance(h.id, 6) * cardinality(n.last))],
  'l' || (100000 + h.id) || '@learners.example',
  n.office,
  h.department_id,
  h.hired_on,
  -- One in eight has left, some time in the last three years.
  case when h.fate < 0.125 and h.hired_on < m.day - 200
    then greatest(h.hired_on + 150, m.day - 5 - (1080 * pg_temp.chance(h.id, 7))::integer) end
from hired h
join names n on n.id = floor(h.office * (select count(*) from names))
cross join learning.made_for m
order by h.id;

-- Courses -------------------------------------------------------------------------------------------------------------
-- weight: how often it is chosen.

create temp table course_traits on commit drop as
select row_number() over ()::smallint as id, code, title, category, hours::float8, is_mandatory, pass_score, weight
from (values
  ('CMP-101', 'Code of Conduct',                      'Compliance',  1.5, true,    80, 9),
  ('CMP-110', 'Data Protection Essentials',           'Compliance',  2.0, true,    80, 9),
  ('CMP-120', 'Information Security Awareness',       'Compliance',  1.5, true,    80, 8),
  ('CMP-130', 'Anti-Bribery and Gifts',               'Compliance',  1.0, true,    80, 6),
  ('CMP-140', 'Export Control Basics',                'Compliance',  2.5, false,   75, 2),
  ('CMP-150', 'Competition Law for Managers',         'Compliance',  2.0, false,   75, 2),
  ('SAF-101', 'Workplace Safety',                     'Safety',      2.0, true,    80, 7),
  ('SAF-110', 'Fire Warden',                          'Safety',      4.0, false,   75, 2),
  ('SAF-120', 'First Aid',                            'Safety',      8.0, false,   75, 3),
  ('SAF-130', 'Forklift Refresher',                   'Safety',      6.0, false,   80, 3),
  ('SAF-140', 'Hazardous Substances',                 'Safety',      3.0, false,   80, 2),
  ('SAF-150', 'Ergonomics at the Desk',               'Safety',      1.0, false, null, 3),
  ('LEA-101', 'First-Time Manager',                   'Leadership', 16.0, false,   60, 3),
  ('LEA-110', 'Giving Feedback',                      'Leadership',  4.0, false, null, 4),
  ('LEA-120', 'Leading Remote Teams',                 'Leadership',  6.0, false, null, 3),
  ('LEA-130', 'Hiring Well',                          'Leadership',  5.0, false,   60, 2),
  ('LEA-140', 'Change Management',                    'Leadership', 12.0, false,   60, 2),
  ('LEA-150', 'Strategy for Senior Leaders',          'Leadership', 24.0, false,   60, 1),
  ('TEC-101', 'SQL for Everyone',                     'Technology', 14.0, false,   65, 4),
  ('TEC-110', 'Spreadsheet Modelling',                'Technology', 10.0, false,   65, 4),
  ('TEC-120', 'Python for Analysts',                  'Technology', 30.0, false,   65, 3),
  ('TEC-130', 'Cloud Fundamentals',                   'Technology', 18.0, false,   70, 3),
  ('TEC-140', 'Secure Coding',                        'Technology', 12.0, false,   75, 2),
  ('TEC-150', 'Machine Learning in Practice',         'Technology', 40.0, false,   65, 2),
  ('TEC-160', 'Dashboards that Decide',               'Technology',  8.0, false,   60, 3),
  ('TEC-170', 'Incident Response',                    'Technology',  6.0, false,   75, 2),
  ('LAN-101', 'English B1',                           'Languages',  40.0, false,   60, 2),
  ('LAN-102', 'English B2',                           'Languages',  48.0, false,   60, 3),
  ('LAN-103', 'Business English Writing',             'Languages',  12.0, false,   60, 3),
  ('LAN-110', 'German A2',                            'Languages',  40.0, false,   60, 2),
  ('LAN-120', 'French A2',                            'Languages',  40.0, false,   60, 1),
  ('LAN-130', 'Spanish A1',                           'Languages',  36.0, false,   60, 1),
  ('CUS-101', 'Customer Conversations',               'Customer',    5.0, false,   70, 5),
  ('CUS-110', 'Handling Complaints',                  'Customer',    4.0, false,   70, 4),
  ('CUS-120', 'Negotiation Skills',                   'Customer',   10.0, false,   65, 3),
  ('CUS-130', 'Product Portfolio',                    'Customer',    6.0, false,   75, 4),
  ('CUS-140', 'Key Account Planning',                 'Customer',    8.0, false,   65, 2),
  ('CUS-150', 'Presenting with Impact',               'Customer',    6.0, false, null, 3),
  ('FIN-101', 'Finance for Non-Financials',           'Finance',     9.0, false,   65, 3),
  ('FIN-110', 'IFRS Update',                          'Finance',     6.0, false,   75, 1),
  ('FIN-120', 'Budgeting and Forecasting',            'Finance',     8.0, false,   70, 2),
  ('FIN-130', 'Purchasing Rules',                     'Finance',     1.5, false,   80, 3),
  ('FIN-140', 'Working Capital',                      'Finance',     7.0, false,   70, 1),
  ('WEL-101', 'Resilience at Work',                   'Well-being',  3.0, false, null, 4),
  ('WEL-110', 'Time and Energy',                      'Well-being',  2.0, false, null, 4),
  ('WEL-120', 'Mindful Breaks',                       'Well-being',  1.0, false, null, 3),
  ('WEL-130', 'Inclusion in Daily Work',              'Well-being',  2.5, false, null, 4),
  ('WEL-140', 'Returning from Leave',                 'Well-being',  2.0, false, null, 1)
) as c (code, title, category, hours, is_mandatory, pass_score, weight);

insert into learning.courses
select id, code, title, category, hours, is_mandatory, pass_score from course_traits;

-- What a department chooses from: a drum of course numbers, each as often as its weight there.
create temp table drums on commit drop as
select
  d.id as department_id,
  c.id as course_id,
  (row_number() over (partition by d.id order by c.id) - 1)::integer as place,
  (count(*) over (partition by d.id))::integer as places
from department_traits d
cross join course_traits c
left join (values
  ('Customer Care', 'Customer', 3), ('Sales', 'Customer', 4), ('Marketing', 'Customer', 2),
  ('Operations', 'Safety', 4), ('Logistics', 'Safety', 5), ('Facilities', 'Safety', 6), ('Quality', 'Safety', 3),
  ('Engineering', 'Technology', 5), ('IT Services', 'Technology', 6), ('Research', 'Technology', 4),
  ('Finance', 'Finance', 8), ('Procurement', 'Finance', 5), ('Finance', 'Technology', 2),
  ('Human Resources', 'Leadership', 4), ('Human Resources', 'Well-being', 3), ('Legal', 'Compliance', 3)
) as taste (department, category, factor) on (taste.department, taste.category) = (d.name, c.category)
cross join lateral generate_series(1, c.weight * coalesce(taste.factor, 1));
create unique index on drums (department_id, place);
analyze drums;

-- Enrolments ----------------------------------------------------------------------------------------------------------

create temp table season on commit drop as
select
  number, first_day, days,
  extract(month from first_day) in (1, 9) as is_campaign,
  extract(month from first_day) in (7, 12) as is_slack,
  (
    2450 * (array[1.35, 1.15, 1.10, 0.95, 0.95, 0.80, 0.50, 0.45, 1.40, 1.25, 1.10, 0.60])[extract(month from first_day)::integer]
    * (1 + 0.009 * number)  -- a good tenth more each year
    * (1 + 0.08 * (pg_temp.chance(number, 10) - 0.5))
  )::integer as candidates
from (
  select
    number,
    (date_trunc('month', m.day) + make_interval(months => number - 36))::date as first_day,
    extract(day from date_trunc('month', m.day) + make_interval(months => number - 35) - interval '1 day')::integer as days
  from learning.made_for m, generate_series(0, 36) number
) as month;

create temp table plans on commit drop as
-- Materialized: else the planner copies each hash to every place that mentions it.
with candidates as materialized (
  select
    s.number * 10000 + k as key,
    1 + floor(pg_temp.chance(s.number * 10000 + k, 11) * 5200)::integer as learner_id,
    -- What falls on a weekend was done on the Friday before (2001 began on a Monday).
    day - greatest((day - date '2001-01-01') % 7 - 4, 0) as enrolled_on,
    s.is_campaign,
    s.is_slack
  from season s
  cross join generate_series(1, s.candidates) k
  cross join lateral (select s.first_day + floor(pg_temp.chance(s.number * 10000 + k, 12) * s.days)::integer as day) as drawn
), accepted as materialized (
  select c.*, l.department_id, l.left_on, t.zeal
  from candidates c
  join learning.learners l on l.id = c.learner_id
  join department_traits t on t.id = l.department_id
  cross join learning.made_for m
  where c.enrolled_on between l.hired_on and least(l.left_on - 30, m.day)
    and pg_temp.chance(c.key, 13) < t.pull
), chosen as materialized (
  -- In January and September a third of the places go to the mandatory courses.
  select a.*, d.course_id as free_choice, pg_temp.chance(a.key, 14) as mandatory
  from accepted a
  join (select department_id, max(places) as places from drums group by 1) as size using (department_id)
  join drums d on d.department_id = a.department_id and d.place = floor(pg_temp.chance(a.key, 15) * size.places)
), planned as materialized (
  select
    k.key, k.learner_id, k.enrolled_on, k.left_on, c.id as course_id, c.hours, c.pass_score, c.is_mandatory,
    -- Long courses lose people; mandatory ones hardly do; some people always finish, some never do.
    0.80 + k.zeal + case when c.is_mandatory then 0.12 else 0 end - 0.10 * ln(c.hours)
      + 0.16 * (pg_temp.chance(k.learner_id, 16) - 0.5)
      - case when k.is_slack then 0.04 else 0 end as chance_to_finish,
    ceil(3 + c.hours * (0.6 + 1.2 * pg_temp.chance(k.key, 17)) - 9 * ln(1 - pg_temp.chance(k.key, 18)))::integer as days_needed
  from chosen k
  join course_traits c on c.id = case when k.is_campaign and k.mandatory < 0.33
    then (array[1, 2, 3, 4, 7])[1 + floor(k.mandatory / 0.33 * 5)::integer] else k.free_choice end
)
select distinct on (learner_id, course_id, date_trunc('quarter', enrolled_on))
  *,
  pg_temp.chance(key, 19) < chance_to_finish as finishes,
  case when is_mandatory then 30 else 45 + 15 * ceil(hours / 10)::integer end as days_allowed
from planned
order by learner_id, course_id, date_trunc('quarter', enrolled_on), enrolled_on, key;

create temp table courses_of_events on commit drop as
with fates as (
  select
    p.*,
    m.day,
    least(m.day, p.left_on) as last_day,
    p.enrolled_on + p.days_needed as would_finish_on,
    -- Where those who do not finish come to a halt.
    0.05 + 0.8 * power(pg_temp.chance(p.key, 20), 1.4) as halt,
    pg_temp.chance(p.key, 21) < 0.45 as gives_notice
  from plans p cross join learning.made_for m
)
select
  row_number() over (order by enrolled_on, key)::integer as id,
  *,
  case when finishes and would_finish_on <= last_day then would_finish_on end as completed_on,
  case when not finishes and gives_notice and enrolled_on + (days_needed * (0.3 + halt))::integer <= last_day
    then enrolled_on + (days_needed * (0.3 + halt))::integer end as withdrawn_on,
  -- The share reached by the last day, at an even pace.
  least(case when finishes then 1 else halt end, (last_day - enrolled_on) / days_needed::float8) as reached
from fates;
create index on courses_of_events (id);
analyze courses_of_events;

insert into learning.enrolments (id, learner_id, course_id, enrolled_on, due_on, completed_on, withdrawn_on, progress)
select
  id, learner_id, course_id, enrolled_on, enrolled_on + days_allowed, completed_on, withdrawn_on,
  case when completed_on is not null then 1 else least(round(reached::numeric, 3), 0.99) end
from courses_of_events
order by id;

-- Assessments: who completes has passed, at the first, second or third try; a tenth of the others tried and failed. ----

insert into learning.assessments
with tries as (
  select e.*, n as try, tries.count as tries
  from courses_of_events e
  cross join lateral (
    select case
        when completed_on is not null then case when u < 0.80 then 1 when u < 0.96 then 2 else 3 end
        when reached > 0.5 and u < 0.25 then 1
        else 0
      end as count
    from (select pg_temp.chance(e.id, 30) as u) as luck
  ) as tries
  cross join lateral generate_series(1, tries.count) n
  where pass_score is not null
)
select
  id,
  try,
  coalesce(completed_on - 2 * (tries - try), greatest(enrolled_on + 1, last_day - 3)) as taken_on,
  round((case when completed_on is not null and try = tries
      -- Two dice make a hill rather than a plain.
      then pass_score + (100 - pass_score) * (pg_temp.chance(id * 4::bigint + try, 31) + pg_temp.chance(id * 4::bigint + try, 32)) / 2
      else pass_score - 1 - 25 * pg_temp.chance(id * 4::bigint + try, 33) end)::numeric, 1) as score,
  completed_on is not null and try = tries as passed
from tries
where coalesce(completed_on - 2 * (tries - try), enrolled_on + 1) >= enrolled_on
order by id, try;

-- Study sessions: up to five, spread over the time that the learner was at it. ---------------------------------------

insert into learning.study_sessions
with sessions as (
  select
    e.id, e.enrolled_on, e.hours, e.reached, s.n, s.count,
    greatest(coalesce(completed_on, withdrawn_on, least(last_day, enrolled_on + days_needed)) - enrolled_on, 0) as days
  from courses_of_events e
  cross join lateral (
    select n, count from (select least(5, ceil(e.hours * e.reached / 3))::integer as count) as c, generate_series(1, c.count) n
  ) as s
)
select
  id,
  -- Working hours, UTC.
  (enrolled_on + floor(days * (n - pg_temp.chance(id * 8::bigint + n, 40)) / count)::integer + time '06:30'
    + make_interval(mins => floor(600 * pg_temp.chance(id * 8::bigint + n, 41))::integer)) at time zone 'UTC',
  6 * ceil(hours * 10 * reached / count * (0.7 + 0.7 * pg_temp.chance(id * 8::bigint + n, 42)))::smallint
from sessions
order by 2;

-- Foreign keys and indexes ----------------------------------------------------------------------------------------------

alter table learning.learners add foreign key (department_id) references learning.departments;
alter table learning.enrolments
  add foreign key (learner_id) references learning.learners,
  add foreign key (course_id) references learning.courses;
alter table learning.assessments add foreign key (enrolment_id) references learning.enrolments;
alter table learning.study_sessions add foreign key (enrolment_id) references learning.enrolments;

create index on learning.learners (department_id);
create index on learning.enrolments (learner_id);
create index on learning.enrolments (enrolled_on);
create index on learning.enrolments (completed_on);
create index on learning.assessments (taken_on);
create index on learning.study_sessions (enrolment_id);
create index on learning.study_sessions (started_at);

drop function pg_temp.chance(bigint, bigint);

set local default_statistics_target = 20;
analyze learning.learners, learning.enrolments, learning.assessments, learning.study_sessions;

commit;
