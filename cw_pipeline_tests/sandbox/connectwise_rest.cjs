// Reads and writes the sandbox with connectwise-rest, as CONNECTWISE_* name it; prints what it got as one JSON document.
const { ManageAPI } = require('connectwise-rest')

const api = new ManageAPI({
  companyId: process.env.CONNECTWISE_COMPANY_ID,
  companyUrl: new URL(process.env.CONNECTWISE_SITE_URL).host,
  publicKey: process.env.CONNECTWISE_PUBLIC_KEY,
  privateKey: process.env.CONNECTWISE_PRIVATE_KEY,
  clientId: process.env.CONNECTWISE_CLIENT_ID,
})
const { CompanyAPI, FinanceAPI } = api
const some = { pageSize: 20 }

async function main() {
  const companies = await api.paginate(CompanyAPI.getCompanyCompanies, some, {})
  const agreements = await api.paginate(FinanceAPI.getFinanceAgreements, some, { conditions: 'cancelledFlag = false' })
  const additions = await api.paginate(FinanceAPI.getFinanceAgreementsByParentIdAdditions, { pageSize: 1 }, 1001, {})
  const created = await FinanceAPI.postFinanceAgreementsByParentIdAdditions(1001, {
    product: { id: 3 }, quantity: 12, billCustomer: 'Billable', serialNumber: 'NP:1',
    effectiveDate: '2026-04-01T00:00:00Z', cancelledDate: '2026-04-30T00:00:00Z',
  })
  const patched = await FinanceAPI.patchFinanceAgreementsByParentIdAdditionsById(created.id, 1001, [
    { op: 'replace', path: 'quantity', value: 0 },
  ])
  const refused = await FinanceAPI.postFinanceAgreementsByParentIdAdditions(1001, { quantity: 1 }).catch((error) => error)
  console.log(JSON.stringify({ companies, agreements, additions, created, patched, refused }))
}

main()
